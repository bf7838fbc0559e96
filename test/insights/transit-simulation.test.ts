import { beforeAll, describe, expect, it } from "vitest";
import { createFleet } from "../../firmware-sim/fleet.ts";
import { createRandom } from "../../firmware-sim/random.ts";
import { describeTimetable } from "../../firmware-sim/timetable.ts";
import { createRouter } from "../../src/formats/registry.ts";
import { TimetableTables } from "../../src/gtfs/tables.ts";
import type { InsightContext } from "../../src/insights/insight.ts";
import { transit } from "../../src/insights/transit.ts";
import type { Reading, Values } from "../../src/model/reading.ts";
import type { Timetable } from "../../src/model/timetable.ts";
import { topicOf } from "../../src/model/topic.ts";
import { type Arrival, play, settled, shuffled } from "./fixtures.ts";

const startTime = Date.UTC(2026, 10, 22, 10);
const hours = 2;
const settings = transit.settings.parse({ gtfs: "city" });

function timetableOf(tables: ReadonlyMap<string, string>): Timetable {
  const reader = new TimetableTables();
  for (const name of reader.names) {
    const text = tables.get(name);
    if (text === undefined) continue;
    const table = reader.reader(name);
    table.push(Buffer.from(text));
    table.end();
  }
  expect(reader.problems).toEqual([]);
  return reader.finish();
}

/** What ten simulated vehicles publish in two hours, as readings; positions every five seconds. */
function drive(): Arrival[] {
  const fleet = createFleet({ seed: 1, startTime, domains: ["transit"], intervalMs: { transit: 5_000 } });
  const route = createRouter({});
  const arrivals: Arrival[] = [];
  while (fleet.time < startTime + hours * 3_600_000) {
    for (const { topic, payload } of fleet.step()) {
      const packet = { topic, payload: Buffer.from(payload), receivedAt: fleet.time, client: null };
      for (const reading of route(topic)?.decode(packet).readings ?? [])
        arrivals.push({ at: fleet.time, reading });
    }
  }
  return arrivals;
}

function runOf({ tripId, operatingDay, startTime }: Values): string {
  return `${tripId} ${operatingDay} ${startTime}`;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[numbers.length >> 1] as number;
}

describe("two hours of a simulated city", () => {
  let input: Arrival[];
  let told: Reading[];
  let context: InsightContext;

  beforeAll(() => {
    input = drive();
    const timetables = new Map([["city", timetableOf(describeTimetable())]]);
    context = { timezone: null, files: new Map(), timetables };
    told = play(transit, settings, context, { arrivals: input, until: startTime + hours * 3_600_000 });
  });

  it("knows the trip of every vehicle, and its delay as the vehicle itself knows it", () => {
    const rows = told.filter(({ domain }) => domain === "trips");
    expect(new Set(rows.map(({ device }) => device)).size).toBe(10);
    expect(
      rows.filter(({ values }) => values["state"] === "unmatched" || values["state"] === "away"),
    ).toEqual([]);
    const own = new Map(
      input.map(({ reading }) => [`${reading.device} ${reading.time}`, reading.values["delayS"]]),
    );
    const off = rows.flatMap(({ device, time, values }) => {
      const delayS = own.get(`${device.slice("transit/".length)} ${time}`);
      return typeof delayS === "number" && typeof values["delayS"] === "number"
        ? [Math.abs(delayS - values["delayS"])]
        : [];
    });
    expect(median(off)).toBeLessThanOrEqual(5);
  });

  it("shows arrivals the better the nearer the vehicle is, though it does not tell every move", () => {
    const calls = new Map<string, Reading[]>();
    for (const reading of told.filter(({ domain }) => domain === "arrivals")) {
      const key = `${reading.device} ${runOf(reading.values)} ${reading.values["vehicle"]}`;
      calls.set(key, [...(calls.get(key) ?? []), reading]);
    }
    const horizons = [60, 180, 600, 1_200];
    const errors = horizons.map(() => [] as number[]);
    for (const words of calls.values()) {
      const there = words.find(({ values }) => values["state"] === "arrived" || values["state"] === "ended");
      const arrivedAt = Date.parse(String(there?.values["expectedArrival"]));
      for (const [index, { time, values }] of words.entries()) {
        if (values["state"] !== "expected" || Number.isNaN(arrivedAt)) continue;
        // What people see until the next word, looked at every ten seconds.
        const until = Math.min(arrivedAt, words[index + 1]?.time ?? arrivedAt);
        for (let at = time; at < until; at += 10_000) {
          const ahead = horizons.findIndex((horizonS) => arrivedAt - at <= horizonS * 1_000);
          errors[ahead]?.push(Math.abs(Date.parse(String(values["expectedArrival"])) - arrivedAt) / 1_000);
        }
      }
    }
    const medians = errors.map(median);
    expect(medians).toEqual([...medians].sort((one, other) => one - other));
    expect(medians[0]).toBeLessThan(10);
    expect(medians[3]).toBeLessThan(20);
  });

  it("gives a topic to another trip only when the one before is over", () => {
    const shown = new Map<string, Values>();
    for (const reading of told.filter(({ domain }) => domain === "arrivals")) {
      const topic = topicOf(reading);
      const before = shown.get(topic);
      const { values } = reading;
      if (before && runOf(before) !== runOf(values)) expect(before["state"]).not.toBe("expected");
      shown.set(topic, values);
    }
    const soon = [...shown.values()].filter(({ state }) => state === "expected" || state === "arrived");
    expect(soon.length).toBeGreaterThan(20);
  });

  it("settles on the same when readings of five vehicles come up to 25 s later, in any order", () => {
    const some = input.filter(
      ({ at, reading }) => at < startTime + 1_800_000 && /[1-5]$/.test(reading.device),
    );
    const until = startTime + hours * 3_600_000;
    const settles = (random: () => number) => {
      const arrivals = shuffled(some, { lateMs: 25_000, within: "all" }, random);
      return settled(play(transit, settings, context, { arrivals, until }), "values");
    };
    const expected = settles(() => 0);
    for (const seed of [1, 2, 3]) expect(settles(createRandom(seed).next)).toEqual(expected);
  });
});
