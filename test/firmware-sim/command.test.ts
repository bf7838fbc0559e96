import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Aedes } from "aedes";
import { afterEach, describe, expect, it, vi } from "vitest";
import { nodeProblem } from "../../firmware-sim/node.ts";

const root = join(import.meta.dirname, "../..");
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Run {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  output(): string;
}

function run(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = root): Run {
  const child = spawn(process.execPath, [script, ...args], { cwd, env: { ...process.env, ...env } });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const exit = once(child, "close").then(([code]) => code as number | null);
  cleanups.push(() => {
    child.kill("SIGKILL");
  });
  return { child, exit, output: () => output };
}

const simulator = join(root, "dist/firmware-sim/main.js");

async function startBroker(): Promise<{ port: number; topics: Set<string> }> {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  const topics = new Set<string>();
  aedes.on("publish", (packet, client) => {
    if (client) topics.add(packet.topic);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(async () => {
    await new Promise<void>((resolve) => aedes.close(resolve));
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, topics };
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("fieldcast-sim", () => {
  it("plays all domains for the asked time and ends with a summary", async () => {
    const { port, topics } = await startBroker();
    const sim = run(simulator, ["--url", `mqtt://127.0.0.1:${port}`, "--duration", "4", "--devices", "3"]);
    expect(await sim.exit).toBe(0);
    expect(sim.output()).toContain("3 gps, 3 energy, 3 road, 3 transit, 3 fare");
    expect(sim.output()).toMatch(/Time is up\. sent \d+ {2}acknowledged \d+ {2}failed 0/);
    const firsts = new Set([...topics].map((topic) => topic.split("/").slice(0, 2).join("/")));
    expect([...firsts]).toEqual(
      expect.arrayContaining(["owntracks/city", "telemetry/energy", "tms-v2/99001", "/hfp", "fares/sim"]),
    );
  });

  it("ends cleanly on Ctrl-C", async () => {
    const { port, topics } = await startBroker();
    const sim = run(simulator, ["--url", `mqtt://127.0.0.1:${port}`, "--domains", "gps", "--devices", "2"]);
    await vi.waitFor(() => expect(topics.size).toBe(2), 20_000);
    sim.child.kill("SIGINT");
    expect(await sim.exit).toBe(0);
    expect(sim.output()).toContain("Interrupted. sent");
  });

  it("says what to check when nothing listens, and fails when nothing was delivered", async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const sim = run(simulator, ["--url", url, "--domains", "road", "--duration", "3"]);
    expect(await sim.exit).toBe(1);
    expect(sim.output()).toContain(`Nothing listens at ${url}.`);
    expect(sim.output()).toContain("No message was acknowledged");
  });

  it.each([
    [["--domains", "gps,boats"], 'There is no domain "boats"'],
    [["--seed", "x"], "A whole number from 0"],
    [["--url", "localhost"], "Write it as mqtt://host:1883"],
    [["--devices", "0"], "from 1 to 1000"],
  ])("refuses %j with a sentence", async (args, sentence) => {
    const sim = run(simulator, args);
    expect(await sim.exit).toBe(1);
    expect(sim.output()).toContain(sentence);
  });

  it("asks for a newer Node.js in a sentence", () => {
    expect(nodeProblem("18.20.1")).toContain("needs Node.js 20.19 or newer; this is 18.20.1");
    expect(nodeProblem("20.18.0")).not.toBeNull();
    expect(nodeProblem("20.19.0")).toBeNull();
    expect(nodeProblem("24.1.0")).toBeNull();
  });
});

/** A gateway as far as the demo sees one: it says that it is ready, and takes its time to end. */
const standInGateway = `
import { createServer } from "node:net";
import { Aedes } from "aedes";
const aedes = await Aedes.createBroker();
let count = 0;
aedes.on("publish", (packet, client) => { if (client && ++count === 50) console.log("got 50"); });
const server = createServer(aedes.handle).listen(0, "0.0.0.0", () => {
  console.log("args", process.argv.slice(2).join(" "), "folder", process.env.FIELDCAST_DATA_DIR);
  console.log(JSON.stringify({ level: 40, msg: "careful" }));
  const mqtt = "mqtt://0.0.0.0:" + server.address().port;
  console.log(JSON.stringify({ level: 30, msg: "fieldcast is ready: http://0.0.0.0:4711/", mqtt }));
});
process.on("SIGTERM", () => setTimeout(() => { console.log("committed"); process.exit(0); }, 300));
`;

function installDemo(): string {
  const dir = temporaryFolder();
  mkdirSync(join(dir, "src"));
  cpSync(join(root, "dist/firmware-sim"), join(dir, "firmware-sim"), { recursive: true });
  cpSync(join(root, "dist/src/model"), join(dir, "src/model"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  writeFileSync(join(dir, "package.json"), '{"type":"module"}');
  writeFileSync(join(dir, "src/main.js"), standInGateway);
  return join(dir, "firmware-sim/demo.js");
}

const demo = join(root, "dist/firmware-sim/demo.js");

/** A program on a free port that answers everything over HTTP with 200. */
async function takePort(): Promise<number> {
  const server = createHttpServer((_, response) => response.writeHead(200).end()).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fieldcast-demo-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe("the demo", () => {
  it("starts the gateway, plays the devices, and ends both on SIGTERM", async () => {
    const shown = run(installDemo(), ["--set", "timezone=UTC"], { FIELDCAST_LOG_LEVEL: "error" });
    await vi.waitFor(() => expect(shown.output()).toContain("got 50"), 20_000);
    expect(shown.output()).toContain("args serve --set timezone=UTC --set logLevel=info folder ./data/demo");
    expect(shown.output()).toContain("! careful");
    expect(shown.output()).toContain("Open  http://127.0.0.1:4711/");
    shown.child.kill("SIGTERM");
    expect(await shown.exit).toBe(0);
    expect(shown.output()).toContain("committed");
  });

  it.each([
    { how: "in a folder of its own", args: [], more: {}, data: "data/demo" },
    {
      how: "with its file named and its data elsewhere",
      args: ["-c", join(root, "config/demo.yaml")],
      more: { FIELDCAST_DATA_DIR: "elsewhere" },
      data: "elsewhere",
    },
  ])("runs with the real gateway, $how", async ({ args, more, data }) => {
    const folder = temporaryFolder();
    const env = { FIELDCAST_MQTT_PORT: "0", FIELDCAST_HTTP_PORT: "0", ...more };
    const shown = run(demo, args, env, folder);
    await vi.waitFor(() => expect(shown.output()).toContain("Ctrl-C ends it"), 20_000);
    const url = /Open {2}(http:\S+)/.exec(shown.output())?.[1] as string;
    await vi.waitFor(async () => {
      const { head } = (await (await fetch(new URL("readyz", url))).json()) as { head: number };
      expect(head).toBeGreaterThan(50);
    }, 20_000);
    expect(existsSync(join(folder, data, "log.db"))).toBe(true);
    shown.child.kill("SIGTERM");
    expect(await shown.exit).toBe(0);
  });

  it.each([
    ["FIELDCAST_HTTP_PORT", "http.port"],
    ["FIELDCAST_MQTT_PORT", "mqtt.port"],
  ])("says in one sentence that a port is taken: %s", async (variable, key) => {
    const port = await takePort();
    const env = { FIELDCAST_MQTT_PORT: "0", FIELDCAST_HTTP_PORT: "0", [variable]: String(port) };
    const shown = run(demo, [], env, temporaryFolder());
    expect(await shown.exit).toBe(1);
    expect(shown.output()).toBe(
      `The demo cannot start: port ${port} of 127.0.0.1 is taken by another program: stop that, ` +
        `or set another port (\`${key}\`, --${key.replace(".", "-")} or ${variable})\n`,
    );
  });

  it("says what it takes, and ends on what it does not know", async () => {
    const help = run(demo, ["--help"]);
    expect(await help.exit).toBe(0);
    expect(help.output()).toContain("--mqtt-port <port>");
    const unknown = run(demo, ["--nope"]);
    expect(await unknown.exit).toBe(1);
    expect(unknown.output()).toBe("error: unknown option '--nope'\n");
    const wrong = run(demo, ["--mqtt-port", "many"], {}, temporaryFolder());
    expect(await wrong.exit).toBe(2);
    expect(wrong.output()).toMatch(/mqtt\.port: .*\nThe demo cannot start: .*the lines above say why\n$/);
  });
});
