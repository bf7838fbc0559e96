import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { configKeys, configReference } from "../../src/app/config-keys.ts";
import { type ConfigSources, loadConfig } from "../../src/app/load-config.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "fieldcast-config-"));
  folders.push(folder);
  const path = join(folder, "fieldcast.yaml");
  writeFileSync(path, text);
  return path;
}

function load(sources: Partial<ConfigSources> = {}) {
  return loadConfig({ flags: {}, env: {}, file: null, ...sources });
}

describe("loadConfig", () => {
  it("has a default for everything that must be", () => {
    expect(load()).toMatchObject({
      host: "127.0.0.1",
      mqtt: { port: 1883 },
      http: { port: 8080 },
      transport: "auto",
    });
  });

  it("lets a flag win over the environment, the environment over the file, the file over the default", () => {
    const sources = {
      file: file("mqtt:\n  port: 1\nhttp:\n  port: 2\ndataDir: /file\n"),
      env: { FIELDCAST_HTTP_PORT: "3", FIELDCAST_DATA_DIR: "/env" },
      flags: { dataDir: "/flag" },
    };
    expect(load(sources)).toMatchObject({ mqtt: { port: 1 }, http: { port: 3 }, dataDir: "/flag" });
  });

  it("reads every key from the environment, lists and booleans too", () => {
    const env = {
      FIELDCAST_HOST: "0.0.0.0",
      FIELDCAST_ALLOW_ANONYMOUS: "true",
      FIELDCAST_STREAM_ALLOWED_ORIGINS: "https://a.example, https://b.example",
      FIELDCAST_RING_MAX_AGE_HOURS: "0.5",
    };
    expect(load({ env })).toMatchObject({
      host: "0.0.0.0",
      stream: { allowedOrigins: ["https://a.example", "https://b.example"] },
      ring: { maxAgeHours: 0.5 },
    });
    expect(configKeys().map(({ env: name }) => name)).toContain("FIELDCAST_MQTT_PORT");
  });

  it.each([
    ["mqtt:\n  prot: 1884\n", /fieldcast\.yaml:2: mqtt\.prot: there is no such key/],
    ["http:\n  port: lots\n", /fieldcast\.yaml:2: http\.port: .*number/],
    ["http:\n  port: 70000\n", /http\.port: .*65535/],
    ["host: [1\n", /fieldcast\.yaml: .*line 2/],
    ["- a\n", /expected keys and values/],
    ["timezone: Mars/Olympus\n", /timezone: not an IANA time zone/],
  ])("says where the file is wrong: %j", (text, message) => {
    expect(() => load({ file: file(text) })).toThrow(message);
  });

  it.each([
    ["contexts:\n  - timezone: UTC\n", /yaml:2: contexts\.0\.topic: /],
    ["contexts:\n  - topic: a\n    tz: UTC\n", /yaml:3: contexts\.0\.tz: there is no such key/],
    [
      "contexts:\n  - topic: a\n  - topic: b\n    timezone: Mars\n",
      /yaml:4: contexts\.1\.timezone: not an IANA/,
    ],
    ["contexts:\n  - topic: a/#/b\n", /yaml:2: contexts\.0\.topic: `#` must stand alone/],
    ["contexts:\n  - topic: a\n    format: nmae\n", /yaml:3: contexts\.0\.format: there is no format "nmae"/],
    ["contexts:\n  - topic: a/+\n  - topic: a/{x}\n", /yaml:3: contexts\.1\.topic: .* as contexts\.0\.topic/],
    [
      "contexts:\n  - topic: a\n    mapping:\n      domain: gps\n      fields:\n        lat: $.a\n        lon: $.b\n",
      /yaml:4: contexts\.0\.mapping\.device: missing; expected a path/,
    ],
    [
      "contexts:\n  - topic: a\n    mapping:\n      domain: energy\n      device: x\n      fields:\n        powerW:\n          path: $.p\n          scale: big\n",
      /yaml:9: contexts\.0\.mapping\.fields\.powerW\.scale: "big" is not a number/,
    ],
  ])("says where a context is wrong: %j", (text, message) => {
    expect(() => load({ file: file(text) })).toThrow(message);
  });

  it("has an example of every notation that can be used as it is", () => {
    const config = load({ file: join(import.meta.dirname, "../../config/contexts.yaml") });
    expect(config.contexts.length).toBeGreaterThan(5);
  });

  it("names the variable and the flag that are wrong", () => {
    expect(() => load({ env: { FIELDCAST_MQTT_PORT: "x" } })).toThrow(/FIELDCAST_MQTT_PORT: mqtt\.port: /);
    expect(() => load({ flags: { "no.such": "1" } })).toThrow(/--set no\.such: there is no such key/);
    expect(() => load({ file: "/nowhere/at-all.yaml" })).toThrow(/cannot read the config file.*at-all/);
  });

  it("refuses to listen beyond loopback unless anonymous access is wanted in so many words", () => {
    expect(() => load({ flags: { host: "0.0.0.0" } })).toThrow(/allowAnonymous: true/);
    expect(() => load({ flags: { host: "192.168.1.5" } })).toThrow(/allowAnonymous/);
    expect(load({ flags: { host: "127.0.0.2" } }).host).toBe("127.0.0.2");
    expect(load({ flags: { host: "0.0.0.0", allowAnonymous: "true" } }).host).toBe("0.0.0.0");
  });

  it("has its reference in config/REFERENCE.md", () => {
    const written = readFileSync(join(import.meta.dirname, "../../config/REFERENCE.md"), "utf8");
    expect(written).toBe(configReference());
  });
});
