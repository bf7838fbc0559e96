import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { formatAddress } from "../../src/app/address.ts";

const program = join(import.meta.dirname, "../../dist/src/main.js");
let folder: string;
let taken: Server;
let takenPort: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "fieldcast-start-"));
  taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  takenPort = (taken.address() as AddressInfo).port;
});
afterAll(() => {
  taken.close();
  rmSync(folder, { recursive: true });
});

interface Line {
  readonly level: number;
  readonly msg: string;
}

/** `fieldcast serve` on free ports: its lines as they come, and its exit code. */
function serve(settings: readonly string[], args: readonly string[] = []) {
  const all = ["mqtt.port=0", "http.port=0", "ring.engine=memory", ...settings];
  const child = spawn(process.execPath, [program, "serve", ...all.flatMap((one) => ["--set", one]), ...args]);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let text = "";
  child.stdout.on("data", (data) => {
    text += data;
  });
  const lines = () =>
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line);
  const ended = once(child, "close").then(([code]) => code as number | null);
  const ready = async () => {
    await expect.poll(() => text, { timeout: 20_000 }).toContain("fieldcast is ready");
    return lines().find(({ msg }) => msg.includes("is ready")) as Line;
  };
  return { child, lines, ended, ready };
}

describe("a start that fails says in one line what to change", () => {
  async function problem(settings: readonly string[], args: readonly string[] = []): Promise<string> {
    const gateway = serve(settings, args);
    expect(await gateway.ended).toBe(1);
    // Warnings of the memory engine aside.
    const fatal = gateway.lines().filter(({ level }) => level > 30 && level !== 40);
    expect(fatal).toHaveLength(1);
    expect(fatal[0]).not.toHaveProperty("err");
    return fatal[0]?.msg ?? "";
  }

  it("the MQTT port is taken", async () => {
    expect(await problem([`mqtt.port=${takenPort}`])).toBe(
      `cannot start: port ${takenPort} of 127.0.0.1 is taken by another program: stop that, or set another port ` +
        "(`mqtt.port`, --mqtt-port or FIELDCAST_MQTT_PORT)",
    );
  });

  it.each(["uws", "ws"])("the HTTP port is taken: %s", async (transport) => {
    expect(await problem([`http.port=${takenPort}`, `transport=${transport}`])).toBe(
      `cannot start: port ${takenPort} of 127.0.0.1 is taken by another program: stop that, or set another port ` +
        "(`http.port`, --http-port or FIELDCAST_HTTP_PORT)",
    );
  });

  it("the address is not this machine's", async () => {
    expect(await problem(["host=192.0.2.1", "allowAnonymous=true"])).toMatch(
      /^cannot start: 192\.0\.2\.1 is no address of this machine: set another `host`/,
    );
  });

  it("another gateway has the log", async () => {
    const settings = ["ring.engine=sqlite", `dataDir=${join(folder, "shared")}`];
    const first = serve(settings);
    await first.ready();
    expect(await problem(settings)).toMatch(
      /^cannot start: .*log\.db is in use by another process: stop it, .* `dataDir`, --data-dir or FIELDCAST_DATA_DIR$/,
    );
  });

  it("the folder cannot be made", async () => {
    writeFileSync(join(folder, "file"), "");
    expect(await problem(["ring.engine=sqlite", `dataDir=${join(folder, "file", "data")}`])).toMatch(
      /^cannot start: .*cannot be opened for writing: .* `dataDir`, --data-dir/,
    );
  });

  it("a source's certificate cannot be read", async () => {
    const path = join(folder, "source.yaml");
    writeFileSync(path, "sources: [{name: a, url: mqtts://localhost, topics: ['#'], ca: /nowhere.pem}]");
    expect(await problem([], ["--config", path])).toMatch(
      /^cannot start: source a: ca: cannot read the file: .*nowhere\.pem/,
    );
  });
});

it("writes an IPv6 address in brackets", () => {
  expect(formatAddress("http", "::1", 80)).toBe("http://[::1]:80");
  expect(formatAddress("mqtt", "127.0.0.1", 1883)).toBe("mqtt://127.0.0.1:1883");
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

it.each(hasIpv6 ? ["uws", "ws"] : [])(
  "writes addresses that a browser understands, IPv6 too: %s",
  async (transport) => {
    const gateway = serve(["host=::1", `transport=${transport}`]);
    const { msg, mqtt } = (await gateway.ready()) as Line & { mqtt: string };
    const url = /http:\/\/\[::1\]:\d+\//.exec(msg)?.[0] as string;
    expect((await fetch(new URL("healthz", url))).status).toBe(200);
    expect(mqtt).toMatch(/^mqtt:\/\/\[::1\]:\d+$/);
  },
);
