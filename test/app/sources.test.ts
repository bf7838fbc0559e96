import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { runCommandLine } from "../../src/app/command-line.ts";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { startSources } from "../../src/app/sources.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { broker, publishPacket, session, until } from "../ingest/harness.ts";

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fieldcast-sources-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "fieldcast.yaml");
  writeFileSync(path, text);
  return path;
}

function load(source: string, env: Readonly<Record<string, string>> = {}) {
  return loadConfig({ flags: {}, env, file: file(`sources:\n  - ${source}\n`) });
}

/** The example as it stands in the repository. */
function example(name: string) {
  return loadConfig({ flags: {}, env: {}, file: join(import.meta.dirname, "../../config", name) });
}

describe("sources", () => {
  it("has an example for each public feed that loads", () => {
    expect(example("hsl.yaml").sources).toMatchObject([
      { name: "hsl", url: "mqtts://mqtt.hsl.fi:8883", topics: ["/hfp/v2/journey/ongoing/vp/#"], qos: 0 },
    ]);
    expect(example("digitraffic.yaml").sources).toMatchObject([
      { name: "digitraffic", url: "wss://tie.digitraffic.fi/mqtt", topics: ["tms-v2/#"] },
    ]);
  });

  it.each([
    ["{name: a, url: http://b, topics: [t]}", /sources\.0\.url: http:\/\/ is not one of mqtt/],
    ["{name: a, url: nonsense, topics: [t]}", /sources\.0\.url: not a URL/],
    ["{name: a, url: 'mqtt://u:secret@b', topics: [t]}", /sources\.0\.url: put credentials into/],
    ["{name: a, url: mqtt://b, topics: [t#]}", /sources\.0\.topics\.0: `#` must stand alone/],
    ["{name: a, url: mqtt://b, topics: [$share/g]}", /topics\.0: a shared subscription is written/],
    ["{name: a, url: mqtt://b, topics: []}", /sources\.0\.topics: /],
    ["{name: a, url: mqtt://b, topics: [t], clean: false}", /sources\.0\.clientId: .*needs a clientId/],
    ["{name: a, url: mqtt://b, topics: [t], cert: c.pem}", /sources\.0\.key: `cert` and `key` come together/],
    ["{name: a, url: mqtt://b, topics: [t], pasword: x}", /:2: sources\.0\.pasword: there is no such key/],
    ["{name: a b, url: mqtt://b, topics: [t]}", /sources\.0\.name: letters, digits/],
    [
      "{name: a, url: mqtt://b, topics: [t]}\n  - {name: a, url: mqtt://c, topics: [t]}",
      /two sources named a/,
    ],
  ])("says what is wrong: %s", (source, message) => {
    expect(() => load(source)).toThrow(message);
  });

  it("takes credentials from the environment, and never prints them when asked to redact", async () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
    const text = "{name: a, url: mqtt://b, topics: [t], username: me, password: 'x-${SECRET}'}";
    expect(load(text, { SECRET: "s3" }).sources[0]).toMatchObject({ username: "me", password: "x-s3" });
    expect(() => load(text)).toThrow(/password: the environment variable SECRET is not set/);
    const path = file(`sources:\n  - ${text}\n`);
    const printed: string[] = [];
    const port = {
      env: { SECRET: "s3" },
      out: (line: string) => void printed.push(line),
      err: () => {},
      onSignal: () => {},
      exit: () => {},
    };
    await runCommandLine(["print-config", "--redact", "--config", path], port);
    expect(printed.join("")).toContain("password: <redacted>");
    expect(printed.join("")).not.toContain("s3");
    expect(printed.join("")).toContain("username: me");
  });

  it("names the certificate file that cannot be read", () => {
    const start = (source: string) =>
      startSources(load(source).sources, { onPacket: () => null, clock: systemClock, logger: silentLogger });
    expect(() => start("{name: a, url: mqtts://127.0.0.1:1, topics: [t], ca: /nowhere/ca.pem}")).toThrow(
      /source a: ca: cannot read the file: .*nowhere/,
    );
  });

  it("feeds the gateway, and a source that is down is a warning", async () => {
    const outside = await broker();
    const config = loadConfig({
      flags: { "mqtt.port": "0", "http.port": "0", "ring.engine": "memory", logLevel: "silent" },
      env: {},
      file: file(
        `sources:\n  - {name: up, url: "mqtt://127.0.0.1:${outside.port}", topics: ["telemetry/#"], clientId: gw}\n` +
          '  - {name: down, url: "mqtt://127.0.0.1:1", topics: ["#"]}\n',
      ),
    });
    const gateway = await startGateway(config, { logger: silentLogger, clock: systemClock });
    onTestFinished(() => gateway.close());
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${gateway.httpPort}${path}`)).text();
    await until(() => outside.stats().connections === 1);
    await expect.poll(() => get("/metrics")).toContain('fieldcast_source_up{source="up"} 1');
    const device = await session(outside, "device");
    device.send(publishPacket("telemetry/gps/van", 1, 1, { payload: '{"lat":60.1,"lon":24.9}' }));
    await expect.poll(() => get("/api/v1/latest")).toContain('"topic":"gps/van"');
    await expect.poll(() => get("/metrics")).toContain('fieldcast_source_acks_total{source="up"} 1');
    await expect
      .poll(() => get("/readyz"))
      .toMatch(/"status":"ready".*"warnings":\["source down: .*ECONNREFUSED/);
  });
});
