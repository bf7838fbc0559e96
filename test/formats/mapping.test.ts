import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readCsv } from "../../src/formats/csv.ts";
import type { FormatSettings } from "../../src/formats/format.ts";
import { genericJson } from "../../src/formats/generic-json.ts";
import { compileMapping } from "../../src/formats/mapping.ts";
import { unitsOf } from "../../src/formats/unit-factors.ts";
import { ranges } from "../../src/formats/vocabulary.ts";
import type { Decoded } from "../../src/model/packet.ts";
import type { Values } from "../../src/model/reading.ts";

const receivedAt = Date.UTC(2026, 10, 20, 12);
const host = { claim: () => false, release: () => {} };

function decode(mapping: object, payload: unknown, settings: FormatSettings = {}): Decoded {
  const text = typeof payload === "string" ? payload : JSON.stringify(payload);
  const run = genericJson.create({ ...settings, mapping }, host);
  return run({ topic: "a/b/c", payload: Buffer.from(text), receivedAt, client: null });
}

function valuesOf(domain: string, fields: object, payload: object, more: object = {}): Values | undefined {
  return decode({ domain, device: "d", fields, ...more }, payload).readings[0]?.values;
}

const energy = { domain: "energy", device: "$.id", fields: { powerW: "$.p" } };

describe("a mapping that is wrong is refused with the path of the key", () => {
  const fieldsOf = (fields: unknown) => ({ ...energy, fields });
  test.each<[string, unknown]>([
    ["mapping: ", 7],
    ["mapping.domain: ", { ...energy, domain: "heat" }],
    ["mapping.device: ", { ...energy, device: undefined }],
    ["mapping.device: ", { ...energy, device: "$.__proto__" }],
    ["mapping.device: ", { ...energy, device: "$topic.site" }],
    ["mapping.device: ", { ...energy, device: "$.a b" }],
    ["mapping.device: ", { ...energy, device: "@.id" }],
    ["mapping.device: ", { ...energy, device: `$.${"x".repeat(300)}` }],
    ["mapping.channel: ", { ...energy, channel: "$key.x" }],
    ["mapping.fields: ", fieldsOf({})],
    ["mapping.fields: ", fieldsOf({ own: "$.x" })],
    ["mapping.fields: ", { ...energy, domain: "gps" }],
    ["mapping.fields.powerW: ", fieldsOf({ powerW: 5 })],
    ["mapping.fields.powerw: ", fieldsOf({ powerw: "$.p" })],
    ["mapping.fields.constructor: ", fieldsOf({ powerW: "$.p", constructor: "$.x" })],
    ["mapping.fields.powerW.path: ", fieldsOf({ powerW: { scale: 2 } })],
    ["mapping.fields.powerW.scale: ", fieldsOf({ powerW: { path: "$.p", scale: "2" } })],
    ["mapping.fields.powerW.scale: ", fieldsOf({ powerW: { path: "$.p", scale: 0 } })],
    ["mapping.fields.powerW.offset: ", fieldsOf({ powerW: { path: "$.p", offset: null } })],
    ["mapping.fields.powerW.unit: ", fieldsOf({ powerW: { path: "$.p", unit: "kWh" } })],
    ["mapping.fields.powerW.eval: ", fieldsOf({ powerW: { path: "$.p", eval: "x*2" } })],
    ["mapping.fields.powerW.perInterval: ", fieldsOf({ powerW: { path: "$.p", perInterval: 0 } })],
    [
      "mapping.fields.powerW.perInterval.unit: ",
      fieldsOf({ powerW: { path: "$.p", perInterval: { path: "$.s", unit: "d" } } }),
    ],
    ["mapping.fields.own.unit: ", fieldsOf({ powerW: "$.p", own: { path: "$.x", unit: "kW" } })],
    ["mapping.constants.powerW: ", { ...energy, constants: { powerW: 1 } }],
    ["mapping.constants.voltageV: ", { ...energy, constants: { voltageV: "high" } }],
    ["mapping.time.unit: ", { ...energy, time: { path: "$.t", unit: "min" } }],
    ["mapping.time.zone: ", { ...energy, time: { path: "$.t", zone: "Mars" } }],
    ["mapping.time.path: ", { ...energy, time: { path: [] } }],
    ["mapping.each: ", { ...energy, each: "@.x" }],
    ["mapping.when: ", { ...energy, when: "$.a" }],
    ["mapping.when: ", { ...energy, when: "$.a == b" }],
    ["mapping.when: ", { ...energy, when: "$.a < 'b'" }],
    ["mapping.when: ", { ...energy, when: "$.a == 1 || true" }],
    ["mapping.when.1: ", { ...energy, when: ["$.a == 1", "process.exit()"] }],
    ["mapping.when: ", { ...energy, when: Array.from({ length: 17 }, () => "$.a exists") }],
    ["mapping.device: ", { ...energy, fields: { powerW: "$[0]" } }],
    ["mapping.eval: ", { ...energy, eval: "1" }],
    ["mapping.csv.separator: ", { ...energy, csv: { separator: ";;" } }],
    ["mapping.csv.header: ", { ...energy, csv: { header: "id" } }],
    ["mapping.csv.header: ", { ...energy, csv: { header: ["id", "p", "p"] } }],
    ["mapping.device: ", { ...energy, csv: { header: ["p"] } }],
    ["mapping.fields.powerW: ", { ...energy, device: "d", csv: true }],
    [
      "mapping.fields.powerW: ",
      { ...energy, device: "d", csv: { header: true }, fields: { powerW: "$[0]" } },
    ],
    ["mapping.each: ", { ...energy, each: "$", csv: true }],
  ])("%s", (start, mapping) => {
    let message = "";
    try {
      compileMapping({ mapping });
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.slice(0, start.length)).toBe(start);
    expect(message.length).toBeLessThan(400);
  });

  test("beside the mapping: freeFlowKmh and topicPattern", () => {
    expect(() => compileMapping({ mapping: energy, freeFlowKmh: 0 })).toThrow(/^freeFlowKmh: 0/);
    expect(() => compileMapping({ mapping: energy, topicPattern: "a{b}" })).toThrow(
      /^topicPattern: "a\{b\}"/,
    );
  });
});

describe("paths", () => {
  test.each<[string, unknown]>([
    ["$.a.b", 1],
    ["$.list[1].x", 2],
    ["$['a name']", 3],
    ['$["dotted.name"]', 4],
    ["$.list.length", undefined],
    ["$.list[9].x", undefined],
    ["$.toString", undefined],
    ["$.text[0]", undefined],
    ["$.text.length", undefined],
    ["$.nothing.at.all", undefined],
    ["$topic.2", "c"],
    ["$topic[0]", "a"],
    ["$topic.9", undefined],
    ["$topic", "a/b/c"],
  ])("%s leads to %j", (path, found) => {
    const payload = {
      p: 1,
      a: { b: 1 },
      list: [0, { x: 2 }],
      "a name": 3,
      "dotted.name": 4,
      text: "ab",
      nothing: null,
    };
    expect(valuesOf("energy", { powerW: "$.p", own: path }, payload)?.["own"]).toBe(found);
  });
});

describe("conditions", () => {
  test.each<[string, boolean]>([
    ["$.n == 1", true],
    ["$.t == 1", true],
    ["$.n != 1", false],
    ["$.n == '1'", true],
    ["$.s == 'ok'", true],
    ['$.s != "ok"', false],
    ["$.s == 'OK'", false],
    ["$.yes == true", true],
    ["$.n == true", false],
    ["$.none == null", true],
    ["$.empty == null", true],
    ["$.missing == null", true],
    ["$.missing != 0", true],
    ["$.missing == 0", false],
    ["$.missing < 1", false],
    ["$.n<2", true],
    ["$.n <= 1", true],
    ["$.n > 1", false],
    ["$.t >= 1.0", true],
    ["$.s > 0", false],
    ["$.n exists", true],
    ["$.none exists", false],
    ["$.o exists", true],
    ["$topic.1 == 'b'", true],
  ])("%s: %s", (when, isSo) => {
    const payload = { n: 1, t: " 1 ", s: "ok", yes: true, none: null, empty: "", o: {}, p: 5 };
    expect(valuesOf("energy", { powerW: "$.p" }, payload, { when }) !== undefined).toBe(isSo);
  });
});

describe("numbers", () => {
  test.each<[string, object, unknown, number]>([
    ["lat", { scale: 1e-7 }, 556613783, 55.6613783],
    ["lat", { scale: 1e-5, offset: -90 }, "13500000", 45],
    ["lat", { unit: "rad" }, 1, 57.295779513],
  ])("%s with %j from %j", (name, how, raw, value) => {
    const fields = { lat: { path: "$.x", ...how }, lon: "$.lon" };
    expect(valuesOf("gps", fields, { x: raw, lon: 1 })?.[name]).toBe(value);
  });

  test.each<[string, object, unknown, number | undefined]>([
    ["energyImportWh", { unit: "kWh" }, "1234.567", 1234567],
    ["energyImportWh", { unit: "MJ" }, 3.6, 1000],
    ["energyImportWh", { unit: "Wmin" }, 60, 1],
    ["powerW", { unit: "kW" }, 0.001, 1],
    ["powerW", { path: "$.x", perInterval: 900 }, 250, 1000],
    ["powerFactor", { unit: "%" }, 95, 0.95],
    ["currentA", { unit: "mA" }, 0.1 + 0.2, 0.0003],
    ["frequencyHz", {}, -1, undefined],
    ["voltageV", {}, "0x10", undefined],
    ["voltageV", { scale: -1 }, 0, 0],
    ["voltageV", {}, true, undefined],
  ])("%s with %j from %j is %j", (name, how, raw, value) => {
    const found = valuesOf(
      "energy",
      { [name]: { path: "$.x", ...how }, apparentPowerVa: "$.other" },
      { x: raw, other: 1 },
    );
    expect(found).toStrictEqual({ ...(value === undefined ? {} : { [name]: value }), apparentPowerVa: 1 });
    expect(Object.is(found?.[name], -0)).toBe(false);
  });

  test("have units of the dimension that their names say", () => {
    const firsts = Object.fromEntries(
      (Object.keys(ranges) as (keyof typeof ranges)[]).map((name) => [name, Object.keys(unitsOf(name))[0]]),
    );
    expect(firsts).toMatchObject({
      altM: "m",
      courseDeg: "deg",
      batteryPct: "1",
      speedKmh: "km/h",
      delayS: "s",
    });
    expect(firsts).toMatchObject({
      powerW: "W",
      apparentPowerVa: "VA",
      reactivePowerVar: "var",
      voltageV: "V",
    });
    expect(firsts).toMatchObject({ currentA: "A", energyExportT2Wh: "Wh", flowVph: "veh/h", intervalS: "s" });
    expect(firsts).toMatchObject({
      odometerM: "m",
      frequencyHz: "Hz",
      powerFactor: "1",
      satellites: undefined,
    });
  });
});

describe("CSV", () => {
  const rows = (text: string) => readCsv(text, { separator: ",", header: null });
  test.each<[string, string[][]]>([
    ["", []],
    ["\n\r\n", []],
    ["a", [["a"]]],
    [
      "a,b\r\nc,d",
      [
        ["a", "b"],
        ["c", "d"],
      ],
    ],
    [
      "a,\n,b\n",
      [
        ["a", ""],
        ["", "b"],
      ],
    ],
    [" a , b ", [["a", "b"]]],
    ['"a,""b""\nc",d', [['a,"b"\nc', "d"]]],
    ['"a"\r\n"b"\r\n', [["a"], ["b"]]],
  ])("%j", (text, cells) => {
    expect(rows(text)).toStrictEqual(cells);
  });

  test.each(['"a', '"a"b', 'a\n"', '"""'])("%j is broken", (text) => {
    expect(rows(text)).toMatch(/quoted cell/);
  });

  test("has limits", () => {
    expect(rows("a\n".repeat(5_001))).toMatch(/more than 5000 rows/);
    expect(rows("a,".repeat(300))).toMatch(/more than 256 columns/);
    expect(readCsv("a,__proto__\n1,2", { separator: ",", header: true })).toMatch(/reserved name/);
  });

  test("never throws, and gives back what was written", () => {
    const cell = fc.string({ maxLength: 8 }).map((text) => text.replaceAll("\r", " "));
    fc.assert(
      fc.property(
        fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
        (table) => {
          const text = table
            .map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(","))
            .join("\r\n");
          expect(rows(text)).toStrictEqual(table);
        },
      ),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('"', ",", "\n", "\r", "a", " ") }),
        (text) => void rows(text),
      ),
    );
  });
});

test("each takes at most 5000 entries", () => {
  const mapping = { ...energy, device: "d", each: "$", channel: "$key", fields: { powerW: "@" } };
  expect(
    decode(
      mapping,
      Array.from({ length: 5_000 }, () => 1),
    ).readings,
  ).toHaveLength(5_000);
  expect(
    decode(
      mapping,
      Array.from({ length: 5_001 }, () => 1),
    ).rejected,
  ).toMatch(/5001 entries; send at most 5000/);
});

test("any JSON for a mapping is compiled, or refused with the path of a key", () => {
  const keys = [
    "domain",
    "device",
    "channel",
    "time",
    "each",
    "when",
    "fields",
    "constants",
    "csv",
    "path",
    "scale",
  ];
  const paths = fc.constantFrom("$.a", "@.b", "$", "$key", "$topic.1", "$.a == 1", "gps", "energy", true);
  const any = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      paths,
      fc.jsonValue({ maxDepth: 1 }),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys, "powerW", "lat", "lon", "own"), tie("value"), { maxKeys: 6 }),
    ),
  })).value;
  const property = fc.property(any, any, any, any, any, (fields, device, time, csv, payload) => {
    const mapping = { domain: "energy", device, time, csv, fields: { powerW: "$.a", own: fields } };
    try {
      expect(decode(mapping, { a: payload }).rejected ?? "").not.toContain("format failed");
    } catch (error) {
      expect((error as Error).message).toMatch(/^(mapping|timezone).*: /s);
      expect(error).not.toBeInstanceOf(TypeError);
    }
  });
  fc.assert(property, { numRuns: 1_000 });
});
