import { describe, expect, test } from "vitest";
import { decodeFile, decodeMessages } from "../../src/formats/decode-file.ts";

const clock = { now: () => Date.UTC(2026, 10, 20, 12) };
const line = (code: string) => ({ SerialReceived: `1-0:${code}` });
const p1 = (step: number, code: string, group?: string) => ({
  name: `${step}`,
  topic: "tele/p1/RESULT",
  encoding: "json",
  payload: line(code),
  step,
  ...(group === undefined ? {} : { group }),
});
const powers = (rows: ReturnType<typeof decodeFile>) => rows.map((row) => row.readings[0]?.values["powerW"]);

describe("decodeFile", () => {
  test("gives rows in the file's order, with the clock where receivedAt is missing", () => {
    const messages = [
      { name: "a", topic: "telemetry/energy/m", encoding: "utf8", payload: '{"powerW":1}' },
      {
        topic: "telemetry/energy/m",
        encoding: "base64",
        payload: btoa('{"powerW":2}'),
        receivedAt: "2026-01-01T00:00:00Z",
      },
    ];
    expect(decodeFile("f.json", messages, clock)).toStrictEqual([
      {
        file: "f.json",
        name: "a",
        readings: [
          { domain: "energy", device: "m", time: "2026-11-20T12:00:00.000Z", values: { powerW: 1 } },
        ],
        rejected: null,
      },
      {
        file: "f.json",
        name: "#2",
        readings: [
          { domain: "energy", device: "m", time: "2026-01-01T00:00:00.000Z", values: { powerW: 2 } },
        ],
        rejected: null,
      },
    ]);
  });

  test("shares a decoder within a group, in step order, and only there", () => {
    const inFileOrder = [p1(2, "2.7.0(0.200*kW)", "g"), p1(1, "1.7.0(0.500*kW)", "g")];
    expect(powers(decodeFile("f", inFileOrder, clock))).toStrictEqual([300, 500]);
    const alone = [p1(1, "1.7.0(0.500*kW)"), p1(2, "2.7.0(0.200*kW)"), p1(2, "2.7.0(0.100*kW)", "other")];
    expect(powers(decodeFile("f", alone, clock))).toStrictEqual([500, -200, -100]);
  });

  test("shares the groups of a folder's files, in step order, and gives rows in the order of the files", () => {
    const files = [
      { file: "a/late.json", messages: [p1(2, "2.7.0(0.200*kW)", "g")] },
      { file: "a/early.json", messages: [p1(1, "1.7.0(0.500*kW)", "g")] },
      { file: "b/early.json", messages: [p1(3, "2.7.0(0.100*kW)", "g")] },
    ];
    const rows = decodeMessages(files, clock);
    expect(rows.map(({ file }) => file)).toStrictEqual(files.map(({ file }) => file));
    expect(powers(rows)).toStrictEqual([300, 500, -100]);
  });

  test("takes a message's own context, or its group's, in the place of the config's", () => {
    const mapping = { domain: "energy", device: "$topic.0", fields: { powerW: "$.p" } };
    const kilo = { ...mapping, fields: { powerW: { path: "$.p", unit: "kW" } } };
    const message = { name: "m", topic: "own/m", encoding: "json", payload: { p: 2 } };
    const settings = { contexts: [{ topic: "own/#", mapping }] };
    const rows = decodeFile(
      "f",
      [
        message,
        { ...message, context: { mapping: kilo } },
        { ...message, group: "g", step: 1 },
        { ...message, topic: "other/m", group: "g", step: 2, context: { mapping: kilo } },
        { ...message, topic: "other/m" },
        { ...message, context: { mapping: { ...mapping, domain: "heat" } } },
        { ...message, group: "h", context: { mapping: { ...mapping, device: "$." } } },
      ],
      clock,
      settings,
    );
    expect(powers(rows)).toStrictEqual([2, 2000, 2000, 2000, undefined, undefined, undefined]);
    expect(rows.slice(4).map((row) => row.rejected?.split(": ")[0])).toStrictEqual([
      "topic",
      "context.mapping.domain",
      "context.mapping.device",
    ]);
  });

  test("builds generated payloads", () => {
    const generated = (generator: object) => ({
      name: "g",
      topic: "telemetry/energy/m",
      encoding: "generator",
      payload: { generator },
    });
    const rows = decodeFile(
      "f",
      [
        generated({ kind: "repeat", prefix: '{"powerW":1', unit: "0", count: 3, suffix: "}" }),
        generated({ kind: "keys", prefix: '{"powerW":1', template: ',"k%d":%d', count: 2, suffix: "}" }),
        generated({
          kind: "nest",
          prefix: '{"powerW":1,"x":',
          open: "[",
          core: "1",
          close: "]",
          depth: 3,
          suffix: "}",
        }),
        generated({ kind: "nest", open: "[", close: "]", depth: 1e9 }),
        generated({ kind: "noise", count: 1 }),
      ],
      clock,
    );
    expect(rows.map((row) => row.readings[0]?.values)).toStrictEqual([
      { powerW: 1000 },
      { powerW: 1, k0: 0, k1: 1 },
      { powerW: 1 },
      undefined,
      undefined,
    ]);
    expect(rows[3]?.rejected).toMatch(/^payload\.generator: too large/);
    expect(rows[4]?.rejected).toMatch(/^payload\.generator\.kind: "noise"/);
  });

  test("says what is wrong with a message and goes on", () => {
    const good = { name: "good", topic: "telemetry/energy/m", encoding: "json", payload: { powerW: 1 } };
    const rows = decodeFile(
      "f",
      [
        7,
        { ...good, topic: 1 },
        { ...good, topic: "nobody/knows" },
        { ...good, encoding: "hex", payload: "00" },
        { ...good, encoding: "utf8" },
        { ...good, receivedAt: "once" },
        { ...good, context: { timezone: "Mars" } },
        good,
      ],
      clock,
    );
    expect(rows.map((row) => row.rejected?.split(":")[0])).toStrictEqual([
      "7 is not a message",
      "topic",
      "topic",
      "encoding",
      "payload",
      "receivedAt",
      "context.timezone",
      undefined,
    ]);
  });

  test("takes the folder's name for the format where none claims the topic", () => {
    const sentence = "$GPRMC,123520,A,4807.038,N,01131.000,E,022.4,084.4,201126,003.1,W";
    const sum = [...sentence.slice(1)].reduce((crc, letter) => crc ^ letter.charCodeAt(0), 0);
    const checksum = sum.toString(16).toUpperCase().padStart(2, "0");
    const message = {
      name: "a",
      topic: "my/own/boat-3",
      encoding: "utf8",
      payload: `${sentence}*${checksum}`,
    };
    const decoded = (file: string) => decodeFile(file, [message], clock)[0];
    expect(decoded("fixtures/nmea/basic.json")?.readings).toMatchObject([{ domain: "gps" }]);
    expect(decoded("fixtures/mine/basic.json")?.rejected).toMatch(/no format claims "my\/own\/boat-3"/);
  });

  test("refuses a file that is no list", () => {
    expect(() => decodeFile("f.json", {}, clock)).toThrow("a JSON list of messages is expected");
  });
});
