import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dsmr } from "../../src/formats/dsmr.ts";
import { crc16 } from "../../src/formats/dsmr-telegram.ts";
import { emonhub } from "../../src/formats/emonhub.ts";
import type { Format, FormatSettings } from "../../src/formats/format.ts";
import { zigbee2mqtt } from "../../src/formats/zigbee2mqtt.ts";

const host = { claim: () => false, release: () => {} };

function decode(format: Format, settings: FormatSettings, topic: string, payload: string) {
  return format.create(
    settings,
    host,
  )({
    topic,
    payload: new TextEncoder().encode(payload),
    receivedAt: 0,
    client: null,
  });
}

describe("emonhub", () => {
  test.each([
    [5, /^nodes: 5; write it as in/],
    [{ 10: 7 }, /^nodes\.10\.names: 7; a list is expected/],
    [{ 10: { names: ["a"], scales: ["x"] } }, /^nodes\.10\.names\.0\.scale: "x" is not a number above 0/],
    [{ 10: { names: ["pulse"], pulsesPerKwh: -5 } }, /^nodes\.10\.pulsesPerKwh: -5 is not a number above 0/],
    [{ 10: Array.from({ length: 300 }, () => "p") }, /^nodes\.10\.names: 300 entries; at most 256/],
    [Object.fromEntries(Array.from({ length: 1_001 }, (_, at) => [at, []])), /^nodes: 1001 nodes/],
  ])("refuses nodes like %j", (nodes, problem) => {
    expect(() => emonhub.create({ nodes }, host)).toThrow(problem);
  });

  test("takes no node's names from an object's prototype", () => {
    expect(
      decode(emonhub, { nodes: { 1: ["toString", "P1"] } }, "emonhub/rx/1/values", "5,6").readings,
    ).toEqual([{ domain: "energy", device: "1", channel: "1", time: 0, values: { powerW: 6 } }]);
  });
});

describe("dsmr", () => {
  test.each([
    [{ power: "watts" }, /^mapping\.power: neither it nor "watts" is a known field/],
    [{ power: 5 }, /^mapping\.power: 5; write it as in/],
    ["timestamp", /^mapping: "timestamp"; write it as in/],
  ])("refuses a mapping like %j", (mapping, problem) => {
    expect(() => dsmr.create({ mapping }, host)).toThrow(problem);
  });

  test("names a meter by the levels before the reading's topic", () => {
    for (const [topic, payload] of [
      ["house/2/json", '{"electricity_delivered_1":1}'],
      ["house/2/reading/electricity_delivered_1", "1"],
      ["house/2/raw", "/x\r\n\r\n1-0:1.8.1(1*kWh)\r\n!\r\n"],
    ] as const) {
      expect(decode(dsmr, {}, topic, payload).readings).toEqual([
        {
          domain: "energy",
          device: "house/2",
          channel: "total",
          time: 0,
          values: { energyImportT1Wh: 1000 },
        },
      ]);
    }
  });

  test("survives telegrams with any lines and a right checksum", () => {
    const value = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom("00.498*kW", "261120130000S", "*", "9".repeat(40)),
    );
    const code = fc.constantFrom(
      "0-0:1.0.0",
      "0-0:96.1.1",
      "1-0:1.7.0",
      "1-0:2.8.1",
      "1-0:32.7.0",
      "1-3:0.2.8",
      "x",
    );
    const line = fc.tuple(code, value).map(([name, inner]) => `${name}(${inner})`);
    const property = fc.property(fc.array(line, { maxLength: 12 }), fc.boolean(), (lines, isZoned) => {
      const body = `/x\r\n\r\n${lines.join("\r\n")}\r\n!`;
      const telegram = `${body}${crc16(body).toString(16).padStart(4, "0")}\r\n`;
      const settings = isZoned ? { timezone: "Europe/Amsterdam" } : {};
      for (const { device, values } of decode(dsmr, settings, "dsmr/raw", telegram).readings) {
        expect(device).not.toBe("");
        expect(Object.values(values).every(Number.isFinite)).toBe(true);
      }
    });
    fc.assert(property, { numRuns: 500 });
  });

  test("sums as the standard's CRC-16", () => {
    // The check value of CRC-16/ARC.
    expect(crc16("123456789")).toBe(0xbb3d);
  });
});

describe("zigbee2mqtt", () => {
  test.each([
    [undefined, "home/plug"],
    ["home/zigbee/<name>", "plug"],
    ["home/zigbee/#", "plug"],
    ["home/zigbee", "plug"],
    ["home/{name}", "zigbee/plug"],
  ])("with the pattern %s takes home/zigbee/plug for %s", (topicPattern, device) => {
    const settings = topicPattern === undefined ? {} : { topicPattern };
    const topic = topicPattern === undefined ? "zigbee2mqtt/home/plug" : "home/zigbee/plug";
    expect(decode(zigbee2mqtt, settings, topic, '{"power":1}').readings[0]?.device).toBe(device);
  });
});
