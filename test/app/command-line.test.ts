import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { runCommandLine } from "../../src/app/command-line.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function run(args: readonly string[], env: Record<string, string> = {}) {
  let [out, err] = ["", ""];
  const code = await runCommandLine(args, {
    env,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    onSignal: () => {},
    exit: () => {
      throw new Error("it ended the process");
    },
  });
  return { code, out, err };
}

function file(name: string, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fieldcast-cli-"));
  folders.push(folder);
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("the command line", () => {
  it("lets --set and the named flags stand beside each other", async () => {
    const { code, out } = await run([
      "print-config",
      "--set",
      "http.port=4711",
      "--set",
      "mqtt.port=1",
      "--mqtt-port",
      "2",
    ]);
    expect(code).toBe(0);
    expect(out).toMatch(/http:\n {2}port: 4711/);
    expect(out).toMatch(/mqtt:\n {2}port: 2\n/);
  });

  it("does not call a configuration good whose timetable is not there", async () => {
    const transit = "insights:\n  transit:\n    gtfs: /no/such/gtfs.zip\n";
    const { code, out, err } = await run(["check-config", "--config", file("transit.yaml", transit)]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^insights\.transit: cannot use the timetable: .*\/no\/such\/gtfs\.zip/);
  });

  it("calls the examples good", async () => {
    const path = join(import.meta.dirname, "../../config/insights.yaml");
    expect(await run(["check-config", "--config", path])).toMatchObject({ code: 0, err: "" });
  });

  it("says what is wrong with a configuration, and where", async () => {
    const path = file("bad.yaml", "mqtt:\n  port: many\n");
    const { code, err } = await run(["check-config", "--config", path]);
    expect(code).toBe(2);
    expect(err).toMatch(/bad\.yaml:2: mqtt\.port: /);
    expect((await run(["check-config", "--set", "nonsense"])).err).toMatch(/expected key=value/);
  });

  it("accepts a good one, and takes the file from the environment too", async () => {
    const path = file("good.yaml", "timezone: Europe/Berlin\n");
    expect((await run(["check-config"], { FIELDCAST_CONFIG: path })).out).toBe("the configuration is good\n");
  });

  it("explains itself, and what it does not know", async () => {
    expect((await run(["--help"])).code).toBe(0);
    const unknown = await run(["fly"]);
    expect([unknown.code, unknown.err]).toEqual([2, expect.stringMatching(/unknown command 'fly'/)]);
  });

  it("tells its version", async () => {
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
    expect(await run(["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  it("heeds a signal that comes while it starts", async () => {
    const port = { env: {}, out: () => {}, err: () => {}, exit: () => {} };
    const settings = ["mqtt.port=0", "http.port=0", "ring.engine=memory", "logLevel=silent"];
    const args = ["serve", ...settings.flatMap((setting) => ["--set", setting])];
    expect(await runCommandLine(args, { ...port, onSignal: (stop) => stop("SIGTERM") })).toBe(0);
  });

  it("decodes files of messages, one JSON line a message", async () => {
    const message = {
      name: "one",
      topic: "telemetry/gps/van-7",
      encoding: "json",
      payload: { lat: 60.17, lon: 24.94 },
      receivedAt: "2026-11-22T10:00:00.000Z",
    };
    const path = file(
      "messages.json",
      JSON.stringify([message, { ...message, name: "two", payload: { lat: 95 } }]),
    );
    const { code, out } = await run(["decode", path]);
    expect(code).toBe(0);
    const rows = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rows[0]).toEqual({
      file: path,
      name: "one",
      readings: [
        {
          domain: "gps",
          device: "van-7",
          time: "2026-11-22T10:00:00.000Z",
          values: { lat: 60.17, lon: 24.94 },
        },
      ],
      rejected: null,
    });
    expect(rows[1]).toMatchObject({ name: "two", readings: [], rejected: expect.stringMatching(/lat/) });
    const missing = await run(["decode", join(path, "nowhere.json")]);
    expect([missing.code, missing.out]).toEqual([1, ""]);
    expect(missing.err).toMatch(/nowhere\.json/);
  });
});
