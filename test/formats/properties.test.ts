import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { messagePayload } from "../../src/formats/decode-file.ts";
import { allFormats, createRouter } from "../../src/formats/registry.ts";
import { maxAheadMs } from "../../src/formats/time.ts";
import type { Decoded } from "../../src/model/packet.ts";
import { domains, isTime, type Value } from "../../src/model/reading.ts";
import { type FixtureMessage, fixtureFiles } from "./fixtures.ts";

const receivedAt = Date.UTC(2026, 10, 20, 12);

function isFiniteValue(value: Value): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isFiniteValue);
}

/** A decoder gives valid readings or a reason that is no fault of ours, and never throws. */
function expectSane({ readings, rejected }: Decoded): void {
  if (rejected !== null) {
    expect(rejected).not.toBe("");
    expect(rejected).not.toContain("format failed");
    expect(rejected.length).toBeLessThan(2_000);
  }
  for (const reading of readings) {
    expect(domains).toContain(reading.domain);
    expect(reading.device).not.toBe("");
    expect(reading.channel).not.toBe("");
    expect(isTime(reading.time)).toBe(true);
    expect(reading.time).toBeLessThanOrEqual(receivedAt + maxAheadMs);
    expect(Object.keys(reading.values).length).toBeGreaterThan(0);
    expect(isFiniteValue(reading.values)).toBe(true);
  }
}

/** JSON as devices, bugs and attackers write it. */
const anyJson = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.constantFrom<unknown>(
    null,
    "",
    " ",
    "12.5W",
    "0x10",
    "1,5",
    -1,
    0,
    1e300,
    1e21,
    5e-324,
    true,
    [],
    {},
    [[]],
    [{}],
  ),
  fc.constantFrom<unknown>(
    "__proto__",
    "2026-13-40T99:99:99Z",
    "0001-01-01T00:00:00Z",
    1e12,
    -1e20,
    "9".repeat(70),
  ),
);

/** Puts `value` at the place that `picks` lead to, in a copy. */
function mutate(root: unknown, picks: readonly number[], value: unknown): unknown {
  if (typeof root !== "object" || root === null || picks.length === 0) return value;
  const keys = Object.keys(root);
  if (keys.length === 0) return value;
  const key = keys[(picks[0] as number) % keys.length] as string;
  const inner = mutate((root as Record<string, unknown>)[key], picks.slice(1), value);
  if (Array.isArray(root)) return root.map((entry: unknown, at) => (String(at) === key ? inner : entry));
  return { ...root, [key]: inner };
}

/** A message's bytes; of a generator its description, because what it builds is too large for thousands of runs. */
function bytesOf(message: FixtureMessage): Uint8Array {
  const bytes = message.encoding === "generator" ? "" : messagePayload({ ...message });
  return typeof bytes === "string" ? Buffer.from(JSON.stringify(message.payload)) : bytes;
}

/** What the fixtures say of their sources, for the messages that need it; one of each topic is enough here. */
function contextsOf(messages: readonly FixtureMessage[]) {
  const byTopic = new Map(messages.map(({ topic, context }) => [topic, { ...context, topic }]));
  return [...byTopic.values()].filter((context) => context.mapping !== undefined);
}

describe.each(allFormats.map((format) => ({ name: format.name })))("$name", ({ name }) => {
  const messages = fixtureFiles(name).flatMap((file) => file.messages);
  const router = createRouter({ timezone: "Europe/Berlin", contexts: contextsOf(messages) });
  const topics = messages.map((message) => message.topic);
  const decode = (topic: string, payload: Uint8Array): Decoded => {
    const route = router(topic);
    return route === null
      ? { readings: [], rejected: null }
      : route.decode({ topic, payload, receivedAt, client: null });
  };

  test("survives arbitrary bytes", () => {
    const property = fc.property(
      fc.constantFrom(...topics),
      fc.uint8Array({ maxLength: 200 }),
      (topic, payload) => {
        expectSane(decode(topic, payload));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  test("survives arbitrary JSON", () => {
    const property = fc.property(fc.constantFrom(...topics), anyJson, (topic, value) => {
      expectSane(decode(topic, Buffer.from(JSON.stringify(value))));
    });
    fc.assert(property, { numRuns: 300 });
  });

  test("survives fixtures with any value changed", () => {
    const inJson = messages.filter((message) => message.encoding === "json");
    const samples = inJson.length > 0 ? inJson : messages;
    const property = fc.property(
      fc.constantFrom(...samples),
      fc.array(fc.nat(30), { minLength: 1, maxLength: 8 }),
      anyJson,
      (message, picks, value) => {
        const payload = mutate(message.payload, picks, value);
        expectSane(decode(message.topic, Buffer.from(JSON.stringify(payload))));
      },
    );
    fc.assert(property, { numRuns: 1_500 });
  });

  test("survives fixtures cut anywhere", () => {
    const property = fc.property(
      fc.constantFrom(...messages),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (message, part) => {
        const bytes = bytesOf(message);
        expectSane(decode(message.topic, bytes.subarray(0, Math.floor(bytes.length * part))));
      },
    );
    fc.assert(property, { numRuns: 300 });
  });

  test("survives fixtures with bytes changed, dropped or doubled", () => {
    const change = fc.record({ at: fc.nat(1_000), byte: fc.nat(255), drop: fc.nat(2), keep: fc.nat(2) });
    const property = fc.property(
      fc.constantFrom(...messages),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      (message, changes) => {
        const bytes = [...bytesOf(message)];
        for (const { at, byte, drop, keep } of changes) {
          bytes.splice(at % (bytes.length + 1), drop, ...new Array<number>(keep).fill(byte));
        }
        expectSane(decode(message.topic, Uint8Array.from(bytes)));
      },
    );
    fc.assert(property, { numRuns: 1_000 });
  });

  test("survives topics with levels dropped or doubled", () => {
    const property = fc.property(
      fc.constantFrom(...messages),
      fc.nat(20),
      fc.constantFrom<readonly string[]>([], [""], ["x", "y"], ["constructor"]),
      (message, at, levels) => {
        const parts = message.topic.split("/");
        parts.splice(at % parts.length, 1, ...levels);
        expectSane(decode(parts.join("/"), bytesOf(message)));
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});
