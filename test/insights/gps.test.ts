import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eta } from "../../src/insights/eta.ts";
import { fencesProblem } from "../../src/insights/fences.ts";
import { distanceM, type Position, placeAt } from "../../src/insights/geo.ts";
import { geofence } from "../../src/insights/geofence.ts";
import type { Insight } from "../../src/insights/insight.ts";
import { trips } from "../../src/insights/trips.ts";
import { isoTime, type Reading, type Values } from "../../src/model/reading.ts";
import { committed, play } from "./fixtures.ts";

const start = Date.UTC(2026, 10, 22, 8);
const home: Position = { lat: 60, lon: 25 };

function fix(seconds: number, place: Position, more: Values = {}): Reading {
  const values = { lat: place.lat, lon: place.lon, ...more };
  return { domain: "gps", device: "van", time: start + seconds * 1_000, values };
}

function run(insight: Insight, settings: object, readings: readonly Reading[]): Reading[] {
  const arrivals = readings.map((reading) => ({ at: reading.time, reading }));
  const until = (arrivals.at(-1)?.at ?? start) + 3_600_000;
  return play(
    insight,
    insight.settings.parse(settings),
    { timezone: null, files: new Map() },
    { arrivals, until },
  );
}

const lastOf = (readings: readonly Reading[], channel?: string) =>
  readings.findLast((reading) => reading.channel === channel)?.values ?? {};

/** Noise of a receiver: a direction and a distance. */
const noise = (maxM: number) =>
  fc.record({
    bearing: fc.integer({ min: 0, max: 359 }),
    metres: fc.double({ min: 0, max: maxM, noNaN: true }),
  });
const moved = (place: Position, { bearing, metres }: { bearing: number; metres: number }) =>
  placeAt(place, bearing, metres);

describe("trips", () => {
  it("go nowhere at standstill, however the receiver trembles", () => {
    const tremble = fc.array(noise(19), { minLength: 40, maxLength: 300 });
    fc.assert(
      fc.property(tremble, fc.constantFrom(1, 10, 60), (tremble, everyS) => {
        const readings = tremble.map((one, i) => fix(i * everyS, moved(home, one), { accuracyM: 20 }));
        const told = run(trips, { stopAfterS: 20 }, readings);
        expect(lastOf(told)).toMatchObject({ totalDistanceM: 0, totalTrips: 0, state: "stopped" });
        expect(told.some(({ channel }) => channel !== undefined)).toBe(false);
      }),
    );
  });

  const legs = fc.array(fc.integer({ min: 0, max: 359 }), { minLength: 3, maxLength: 8 });

  /** Legs of 600 m at 36 km/h, a position each 5 s (50 m), and five minutes' rest at both ends. */
  function drive(bearings: readonly number[], shakes: readonly { bearing: number; metres: number }[]) {
    const readings: Reading[] = [];
    let place = home;
    let seconds = 0;
    const shake = () => shakes[readings.length % shakes.length] ?? { bearing: 0, metres: 0 };
    const take = (afterS: number) => {
      seconds += afterS;
      readings.push(fix(seconds, moved(place, shake()), { accuracyM: 8 }));
    };
    const stand = () => {
      for (let i = 0; i < 20; i++) take(15);
    };
    stand();
    for (const bearing of bearings) {
      for (let i = 0; i < 12; i++) {
        place = placeAt(place, bearing, 50);
        take(5);
      }
    }
    stand();
    return readings;
  }

  it("measure the way to a few percent through noise", () => {
    fc.assert(
      fc.property(legs, fc.array(noise(5), { minLength: 7, maxLength: 31 }), (bearings, shakes) => {
        // Who turns back at once is not told from who stands.
        fc.pre(
          bearings.every(
            (bearing, i) => Math.abs(((bearing - (bearings[i - 1] ?? bearing) + 540) % 360) - 180) < 100,
          ),
        );
        const trip = lastOf(run(trips, {}, drive(bearings, shakes)), "trip");
        const wayM = bearings.length * 600;
        expect(Math.abs((trip["distanceM"] as number) - wayM) / wayM).toBeLessThan(0.05);
      }),
    );
  });

  it("are the same with positions that cannot be true among the others, which are counted", () => {
    const jump = fc.record({
      after: fc.integer({ min: 1, max: 60 }),
      bearing: fc.integer({ min: 0, max: 359 }),
    });
    fc.assert(
      fc.property(
        legs,
        fc.uniqueArray(jump, { maxLength: 6, selector: ({ after }) => after }),
        (bearings, jumps) => {
          const clean = drive(bearings, []);
          const dirty = jumps.flatMap(({ after, bearing }) => {
            const { time } = clean[after] as Reading;
            return [{ ...fix(0, placeAt(home, bearing, 500_000)), time: time + 1_000 }];
          });
          const mixed = [...clean, ...dirty].sort((one, other) => one.time - other.time);
          const told = run(trips, {}, mixed);
          expect(lastOf(told, "trip")).toEqual(lastOf(run(trips, {}, clean), "trip"));
          expect(lastOf(told)["jumps"]).toBe(jumps.length);
        },
      ),
    );
  });

  it("believe a device that was carried off, and count no way for it", () => {
    const far = placeAt(home, 90, 400_000);
    const readings = [...Array.from({ length: 10 }, (_, i) => fix(i * 60, home))];
    readings.push(...Array.from({ length: 10 }, (_, i) => fix(600 + i * 60, far)));
    const told = run(trips, {}, readings);
    expect(lastOf(told)).toMatchObject({
      state: "stopped",
      since: isoTime(start + 720_000),
      totalDistanceM: 0,
      jumps: 2,
    });
    expect(lastOf(told, "stop")).toMatchObject({ left: isoTime(start + 540_000) });
  });
});

describe("geofences", () => {
  it("are entered and left once by who trembles at the edge", () => {
    fc.assert(
      fc.property(fc.array(noise(14), { minLength: 5, maxLength: 100 }), (tremble) => {
        const fences = [{ name: "yard", circle: { ...home, radiusM: 100 } }];
        const edge = placeAt(home, 90, 100);
        const readings = [
          fix(0, home),
          ...tremble.map((one, i) => fix(10 + i, moved(edge, one), { accuracyM: 15 })),
          fix(1_000, placeAt(home, 90, 200)),
        ];
        const events = run(geofence, { fences }, readings).map(({ values: { event } }) => event);
        expect(events.filter((event) => event !== "dwell")).toEqual(["enter", "exit"]);
      }),
    );
  });

  const degrees = (min: number, max: number) => fc.double({ min, max, noNaN: true });
  const circles = fc.array(
    fc.record({
      lat: degrees(-0.05, 0.05),
      lon: fc.oneof(degrees(179.95, 180), degrees(-180, -179.95)),
      radiusM: degrees(10, 4_000),
    }),
    { minLength: 1, maxLength: 30 },
  );

  it("tell what asking every fence for every position tells, across the date line", () => {
    const steps = fc.array(noise(900), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(circles, steps, (circles, steps) => {
        const fences = circles.map((circle, i) => ({ name: `f${i}`, circle }));
        const inside = new Set<string>();
        const expected: string[] = [];
        let place: Position = { lat: 0, lon: 180 };
        const readings = steps.map((step, i) => {
          place = moved(place, step);
          for (const { name, circle } of fences) {
            const outsideM = distanceM(place, circle) - circle.radiusM;
            if (inside.has(name) ? outsideM <= 25 : outsideM > 0) continue;
            const event = inside.delete(name) ? "exit" : "enter";
            if (event === "enter") inside.add(name);
            expected.push(`${i} ${name} ${event}`);
          }
          return fix(i * 60, place);
        });
        const told = run(geofence, { fences, dwellS: 31_536_000 }, readings).map(
          ({ device, time, values: { event } }) =>
            `${(time - start) / 60_000} ${device.split("/")[0]} ${event}`,
        );
        expect(told.sort()).toEqual(expected.sort());
      }),
    );
  });

  it("that are drawn around somebody hold him from his next position on, those of before are told nothing new", () => {
    const fence = (name: string) => ({ name, circle: { ...home, radiusM: 100 } });
    const devices = geofence.start();
    const told: Reading[] = [];
    const live = (names: readonly string[], ...readings: Reading[]) => {
      const settings = geofence.settings.parse({ fences: names.map(fence) });
      const reducer = geofence.create(settings, devices, { timezone: null, files: new Map() });
      for (const reading of readings)
        reducer.reduce(committed(reading, 1, reading.time), (one) => told.push(one));
    };
    live(["old"], fix(0, home), fix(10, home));
    live(["old", "new"], fix(20, home), fix(30, home));
    live(["old", "new"], fix(40, home));
    expect(told.map(({ device, time, values }) => [device, (time - start) / 1_000, values["event"]])).toEqual(
      [
        ["old/van", 0, "enter"],
        ["new/van", 20, "enter"],
      ],
    );
    live(["old", "new"], fix(50, placeAt(home, 90, 500)));
    expect(told.slice(2).map(({ device, values }) => [device, values["event"]])).toEqual([
      ["old/van", "exit"],
      ["new/van", "exit"],
    ]);
  });

  it("say what is wrong with them", () => {
    const circle = { ...home, radiusM: 10 };
    const polar: [number, number][] = [
      [80, 0],
      [80, 120],
      [80, -120],
    ];
    expect(fencesProblem([{ name: "a", circle }])).toBeNull();
    expect(
      fencesProblem([
        { name: "a", circle },
        { name: "a", circle },
      ]),
    ).toBe('fences.1.name: there is another fence "a"');
    expect(fencesProblem([{ name: "a" }])).toContain("fences.0: give it a `circle` or an `area`");
    expect(fencesProblem([{ name: "a", area: polar }])).toContain("fences.0.area: it goes round a pole");
  });

  it.each<[what: string, area: [number, number][], problem: string | null]>([
    [
      "three equal corners",
      [
        [60, 25],
        [60, 25],
        [60, 25],
      ],
      "it needs three different corners",
    ],
    [
      "two corners and the first again",
      [
        [60, 25],
        [61, 25],
        [60, 25],
      ],
      "it needs three different corners",
    ],
    [
      "corners on one line",
      [
        [60, 25],
        [61, 26],
        [62, 27],
      ],
      "all of its corners are on one line",
    ],
    [
      "a bow tie",
      [
        [60, 25],
        [61, 26],
        [61, 25],
        [60, 26],
      ],
      "from corner 1 to 2 and 3 to 4 cross",
    ],
    [
      "a bow tie across the date line",
      [
        [0, 179],
        [1, -179],
        [1, 179],
        [0, -179],
      ],
      "from corner 1 to 2 and 3 to 4 cross",
    ],
    [
      "a square that repeats its first corner",
      [
        [60, 25],
        [60, 26],
        [61, 26],
        [61, 25],
        [60, 25],
      ],
      null,
    ],
    [
      "a square across the date line",
      [
        [0, 179],
        [0, -179],
        [1, -179],
        [1, 179],
      ],
      null,
    ],
    [
      "a dent",
      [
        [60, 25],
        [60, 27],
        [62, 27],
        [61, 26],
        [62, 25],
      ],
      null,
    ],
  ])("tell of an area of %s", (_what, area, problem) => {
    const told = fencesProblem([{ name: "a", area }]);
    if (problem === null) expect(told).toBeNull();
    else expect(told).toMatch(new RegExp(`^fences\\.0\\.area: .*${problem}`));
  });
});

describe("times of arrival", () => {
  const place: Position = placeAt(home, 90, 6_000);
  const settings = { places: [{ name: "depot", ...place }], silentAfterS: 7_200 };
  /** At 36 km/h, a position each 20 s. */
  const drive = (from: number, to: number) =>
    Array.from({ length: (to - from) / 20 + 1 }, (_, n) =>
      fix(from + 20 * n, placeAt(home, 90, 10 * (from + 20 * n))),
    );

  it("that have passed stand no longer than two reckonings, until something is heard again", () => {
    const told = run(eta, settings, drive(0, 300));
    const [overdue, last] = told.toReversed();
    expect(last?.values).toMatchObject({ state: "coming", etaS: expect.any(Number) });
    const arrivesAt = Date.parse(String(last?.values["arrivesAt"]));
    expect(overdue).toMatchObject({
      time: arrivesAt + 120_000,
      values: { state: "unknown", arrivesAt: null },
    });
    const again = run(eta, settings, [...drive(0, 300), ...drive(1_200, 1_320).map(slower)]);
    expect(again.slice(told.length).map(({ values }) => values["state"])).toEqual(["coming", "unknown"]);
  });

  /** As if it had stood still for a quarter of an hour. */
  function slower({ values, ...reading }: Reading): Reading {
    return { ...reading, values: { ...values, ...placeAt(home, 90, (reading.time - start) / 100 - 9_000) } };
  }

  it("are told anew before they have passed by who is heard of, however slow he becomes", () => {
    const crawl = Array.from({ length: 60 }, (_, n) => fix(320 + 20 * n, placeAt(home, 90, 3_000 + 30 * n)));
    const told = run(eta, { ...settings, averageS: 3_600 }, [...drive(0, 300), ...crawl]);
    const words = told.filter(({ time }) => time <= start + 1_500_000);
    expect(words.map(({ values }) => values["state"])).not.toContain("unknown");
    for (const [n, { values }] of words.entries()) {
      const next = words[n + 1]?.time ?? 0;
      expect(next - Date.parse(String(values["arrivesAt"]))).toBeLessThanOrEqual(60_000);
    }
  });

  it("of who stands where places come into reach and go are the same as when all is looked at anew", () => {
    const places = [placeAt(home, 0, 2_000), placeAt(home, 90, 2_100), placeAt(home, 180, 100)];
    const parsed = eta.settings.parse({
      places: places.map((place, n) => ({ name: `place-${n}`, ...place })),
      maxDistanceM: 2_050,
      lateReadings: 1,
    });
    const context = { timezone: null, files: new Map() };
    fc.assert(
      fc.property(fc.array(noise(150), { minLength: 8, maxLength: 40 }), (steps) => {
        const arrivals = steps.map((step, minute) => {
          const reading = fix(60 * minute, moved(home, step), { speedKmh: 0, accuracyM: 5 });
          return { at: reading.time, reading };
        });
        const until = start + 60_000 * steps.length;
        const whole = play(eta, parsed, context, { arrivals, until });
        // With nearly nothing that is kept of before.
        const restarts = new Set(arrivals.keys());
        expect(play(eta, parsed, context, { arrivals, until, restarts })).toEqual(whole);
      }),
    );
  });

  it("are the same over restarts at any place, and whenever time is told", () => {
    const readings = [...drive(0, 300), ...drive(1_200, 1_320).map(slower)];
    const arrivals = readings.map((reading) => ({ at: reading.time, reading }));
    const context = { timezone: null, files: new Map<string, Uint8Array>() };
    const until = start + 20_000_000;
    const parsed = eta.settings.parse(settings);
    const whole = play(eta, parsed, context, { arrivals, until });
    const places = fc.array(fc.nat(arrivals.length), { maxLength: 4 });
    const ticks = fc.array(fc.integer({ min: start, max: until }), { maxLength: 30 });
    fc.assert(
      fc.property(places, ticks, (places, ticks) => {
        const how = { restarts: new Set(places), ticks: ticks.sort((a, b) => a - b) };
        expect(play(eta, parsed, context, { arrivals, until, ...how })).toEqual(whole);
      }),
    );
  });
});
