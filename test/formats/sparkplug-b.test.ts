import fc from "fast-check";
import { get } from "sparkplug-payload";
import { describe, expect, test } from "vitest";
import { createRouter } from "../../src/formats/registry.ts";
import type { Route } from "../../src/formats/router.ts";
import type { Decoded } from "../../src/model/packet.ts";
import { domains } from "../../src/model/reading.ts";
import { fixtureFiles } from "./fixtures.ts";

const codec = get("spBv1.0") as NonNullable<ReturnType<typeof get>>;
const now = Date.UTC(2026, 10, 20, 12);
const rebirthTopic = "spBv1.0/g/NCMD/e";

type Metric = NonNullable<Parameters<typeof codec.encodePayload>[0]["metrics"]>[number];

/** A gateway's decoder of Sparkplug, fed with what an independent encoder makes. */
function createHost() {
  const route = createRouter({});
  return (
    topic: string,
    seq: number | undefined,
    metrics: Metric[],
    receivedAt = now,
    client: string | null = "edge",
  ) => {
    const payload = codec.encodePayload({ timestamp: now, metrics, ...(seq === undefined ? {} : { seq }) });
    return route(topic)?.decode({ topic, payload: payload, receivedAt, client }) as Decoded;
  };
}

const bdSeq: Metric = { name: "bdSeq", type: "UInt64", value: 1 };
const power = (value: number): Metric => ({
  name: "Power",
  alias: 1,
  type: "Double",
  value,
  properties: { engUnit: { type: "String", value: "W" } },
});
const aliased: Metric = { alias: 1, type: "Double", value: 5 };

/** A host that has seen the births of edge node `e` and its device `d`. */
function createBornHost() {
  const send = createHost();
  send("spBv1.0/g/NBIRTH/e", 0, [bdSeq]);
  send("spBv1.0/g/DBIRTH/e/d", 1, [power(1)]);
  return send;
}

describe("births", () => {
  test("are remembered, data and deaths are not", () => {
    const send = createHost();
    expect(send("spBv1.0/g/NBIRTH/e", 0, [bdSeq]).remember).toBe(true);
    expect(send("spBv1.0/g/DBIRTH/e/d", 1, [power(1)]).remember).toBe(true);
    expect(send("spBv1.0/g/DDATA/e/d", 2, [aliased]).remember).toBeUndefined();
    expect(send("spBv1.0/g/DDEATH/e/d", 3, []).remember).toBeUndefined();
    expect(send("spBv1.0/g/NDEATH/e", undefined, [bdSeq]).remember).toBeUndefined();
  });

  test("are not asked for while all is in order, over the end of the sequence too", () => {
    const send = createBornHost();
    for (let sent = 2; sent < 600; sent++) {
      const { readings, replies } = send("spBv1.0/g/DDATA/e/d", sent % 256, [aliased]);
      expect(readings).toHaveLength(1);
      expect(replies).toBeUndefined();
    }
  });

  test("are asked for by a command that other implementations can read", () => {
    const send = createBornHost();
    const { readings, replies } = send("spBv1.0/g/DDATA/e/d", 7, [aliased]);
    expect(readings).toHaveLength(1);
    expect(replies?.map((reply) => reply.topic)).toStrictEqual([rebirthTopic]);
    const command = codec.decodePayload(replies?.[0]?.payload ?? new Uint8Array());
    expect(Number(command?.timestamp)).toBe(now);
    expect(command?.metrics?.map(({ name, type, value }) => ({ name, type, value }))).toStrictEqual([
      { name: "Node Control/Rebirth", type: "Boolean", value: true },
    ]);
  });

  test.each<[string, string, number, Metric[]]>([
    ["an unknown alias", "spBv1.0/g/DDATA/e/d", 2, [{ ...aliased, alias: 9 }]],
    ["a device that was never born", "spBv1.0/g/DDATA/e/ghost", 2, [aliased]],
    ["a gap before a device's birth", "spBv1.0/g/DBIRTH/e/d", 5, [power(1)]],
    ["a gap before a device's death", "spBv1.0/g/DDEATH/e/d", 5, []],
  ])("are asked for after %s", (_name, topic, seq, metrics) => {
    expect(createBornHost()(topic, seq, metrics).replies?.[0]?.topic).toBe(rebirthTopic);
  });

  test("are asked for when a device is born of an unknown edge node", () => {
    expect(createHost()("spBv1.0/g/DBIRTH/e/d", 1, [power(1)]).replies?.[0]?.topic).toBe(rebirthTopic);
  });

  test("are asked for once in a while only, and never by a packet from memory", () => {
    const send = createHost();
    const ghost = "spBv1.0/g/DDATA/e/ghost";
    expect(send(ghost, 1, [aliased], now, null).replies).toBeUndefined();
    expect(send(ghost, 2, [aliased], now).replies).toHaveLength(1);
    expect(send(ghost, 3, [aliased], now + 9_999).replies).toBeUndefined();
    expect(send(ghost, 4, [aliased], now + 10_000).replies).toHaveLength(1);
  });

  test("of thousands of edge nodes do not pile up", () => {
    const send = createHost();
    send("spBv1.0/g/DBIRTH/first/d", 0, [power(1)]);
    for (let edge = 0; edge < 2_000; edge++) send(`spBv1.0/g/DBIRTH/e${edge}/d`, 0, [power(1)]);
    expect(send("spBv1.0/g/DDATA/first/d", 1, [aliased]).rejected).toContain("no birth has announced it");
    expect(send("spBv1.0/g/DDATA/e1999/d", 1, [aliased]).readings).toHaveLength(1);
  });
});

test.each([
  [{ Power: "watts" }, /mapping\.Power: "watts" is not a value of the contract/],
  [{ Power: { field: "powerW", scale: "x" } }, /mapping\.Power\.scale: "x" is not a factor/],
  [{ Power: { field: "powerW", channel: 1 } }, /mapping\.Power\.channel: 1 is not a name/],
  [{ Power: "amountMinor" }, /mapping\.Power: "amountMinor" is not a value/],
])("refuses the mapping %j", (mapping, message) => {
  expect(() =>
    createRouter({ contexts: [{ topic: "spBv1.0/g/#", format: "sparkplug-b", mapping }] }),
  ).toThrow(message);
});

test("survives payloads with any bytes changed", () => {
  const messages = fixtureFiles("sparkplug-b")
    .flatMap((file) => file.messages)
    .filter(({ encoding, payload }) => encoding === "base64" && (payload as string).length < 2_000);
  const route = createRouter({});
  const edits = fc.array(fc.tuple(fc.nat(1_000), fc.nat(255)), { minLength: 1, maxLength: 6 });
  const property = fc.property(
    fc.constantFrom(...messages),
    edits,
    fc.nat(1_000),
    ({ topic, payload }, changes, cut) => {
      const bytes = Buffer.from(payload as string, "base64");
      for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
      const sent = bytes.subarray(0, Math.max(1, bytes.length - (cut < 900 ? 0 : cut % 30)));
      const packet = { topic, payload: sent, receivedAt: now, client: null };
      const { readings, rejected } = (route(topic) as Route).decode(packet);
      if (rejected !== null) expect(rejected).not.toContain("format failed");
      for (const reading of readings) {
        expect(domains).toContain(reading.domain);
        expect(reading.time).toBeLessThanOrEqual(now + 3_600_000);
        for (const value of Object.values(reading.values)) expect(Number.isFinite(value)).toBe(true);
      }
    },
  );
  fc.assert(property, { numRuns: 3_000 });
});
