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

/** With a number at a key, which may stand in lists (`sources[].qos`). */
function loadNumber(path: string, value: number) {
  if (!path.includes("[]")) return load({ flags: { [path]: String(value) } });
  const entry = { topic: "a", name: "a", url: "mqtt://a", topics: ["#"] };
  const settings = path.split(".").reduceRight<unknown>((inner, name) => {
    if (!name.endsWith("[]")) return { [name]: inner };
    return { [name.slice(0, -2)]: [{ ...entry, ...(inner as object) }] };
  }, value);
  return load({ file: file(JSON.stringify(settings)) });
}

function namePattern(path: string): RegExp {
  return new RegExp(`${path.replaceAll("[]", ".0").replaceAll(".", "\\.")}: `);
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

  it.each([
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
    ["${NOPE_SECRET}", /yaml:7: webhooks\.1\.secret: the environment variable NOPE_SECRET is not set/],
    ["short", /yaml:7: webhooks\.1\.secret: use at least 16 characters/],
  ])("says where the secret of a webhook is wrong: %s", (secret, message) => {
    const hook = (name: string, text: string) =>
      `  - name: ${name}\n    url: http://a.example\n    secret: ${text}\n`;
    const text = `webhooks:\n${hook("a", "long enough to be used")}${hook("b", secret)}`;
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

  it("refuses a variable of no key, but not those of others", () => {
    expect(() => load({ env: { FIELDCAST_MQTT_PROT: "1" } })).toThrow(
      "environment variable FIELDCAST_MQTT_PROT: there is no such key; config/REFERENCE.md lists them",
    );
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what the user writes
    const source = { name: "a", url: "mqtt://a", topics: ["#"], password: "${FIELDCAST_HSL_PASSWORD}" };
    const env = {
      FIELDCAST_CONFIG: "x.yaml",
      FIELDCAST_SIM_USERNAME: "u",
      FIELDCAST_KILL_SEED: "1",
      FIELDCAST_HSL_PASSWORD: "secret",
      // As Kubernetes sets them for a service named fieldcast.
      FIELDCAST_SERVICE_HOST: "10.0.0.11",
      FIELDCAST_SERVICE_PORT_MQTT: "1883",
      FIELDCAST_PORT: "tcp://10.0.0.11:1883",
      FIELDCAST_PORT_1883_TCP_ADDR: "10.0.0.11",
    };
    const { sources } = load({ env, file: file(JSON.stringify({ sources: [source] })) });
    expect(sources[0]?.password).toBe("secret");
  });

  it("takes a section with nothing below it as defaults", () => {
    const text = configKeys()
      .filter(({ path, type }) => path.includes(".") || type === "list")
      .map(({ path }) => path.split(".")[0] as string)
      .filter((name) => !name.endsWith("[]"));
    const sections = [...new Set(text)];
    expect(sections).toContain("ring");
    const config = load({ file: file(sections.map((name) => `${name}:\n`).join("")) });
    expect(config).toEqual(load());
    expect(() => load({ file: file("mqtt:\n  port:\n") })).toThrow(/yaml:2: mqtt\.port: .*number/);
  });

  const numbers = configKeys().filter(({ type }) => type === "number");

  it.each(numbers.map(({ path }) => path))("has an upper bound: %s", (path) => {
    expect(() => loadNumber(path, Number.MAX_SAFE_INTEGER)).toThrow(namePattern(path));
    expect(() => loadNumber(path, 1e300)).toThrow(namePattern(path));
    // Longer, and a timer of Node.js fires at once.
    if (path.endsWith("Ms")) expect(() => loadNumber(path, 2 ** 31)).toThrow(namePattern(path));
  });

  it.each([
    ["https://a.example/", /can never match: .*write https:\/\/a\.example$/],
    ["https://a.example/page?x", /write https:\/\/a\.example$/],
    ["HTTPS://a.example", /write https:\/\/a\.example$/],
    ["https://A.example", /browsers write it https:\/\/a\.example$/],
    ["https://a.example:443", /browsers write it https:\/\/a\.example$/],
    ["a.example", /write https:\/\/example\.org$/],
    ["https://*.example.org:x", /not an origin/],
    ["", /can never match/],
  ])("refuses an origin that can never match: %j", (origin, message) => {
    const text = JSON.stringify({ stream: { allowedOrigins: ["https://good.example", origin] } });
    expect(() => load({ file: file(text) })).toThrow(/stream\.allowedOrigins\.1: /);
    expect(() => load({ file: file(text) })).toThrow(message);
  });

  it("takes origins of pages, of applications and of files", () => {
    const origins = ["*", "null", "http://localhost:5500", "http://[::1]:3000", "capacitor://localhost"];
    const flags = { "stream.allowedOrigins": origins.join(",") };
    expect(load({ flags }).stream.allowedOrigins).toEqual(origins);
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
