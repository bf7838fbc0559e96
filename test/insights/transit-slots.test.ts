import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TripSlots } from "../../src/insights/transit-slots.ts";
import type { Run } from "../../src/insights/transit-trips.ts";
import type { Timetable, TimetableTrip } from "../../src/model/timetable.ts";

const hourS = 3_600;
/** 2026-11-20, a Friday. */
const day = 20_777;

function timetable(trips: readonly Partial<TimetableTrip>[], lastsS: number): Timetable {
  const service = {
    weekdays: 127,
    from: 0,
    to: 99_999,
    added: new Set<number>(),
    removed: new Set([day + 1]),
  };
  const pattern = { stops: [0, 1], sequences: [1, 2], arriveS: [0, lastsS], departS: [0, lastsS] };
  const common = { route: 0, service: 0, pattern: 0, shape: null, direction: null, headsign: "" };
  return {
    timezone: "UTC",
    stops: [],
    routes: [{ id: "r", name: "7" }],
    services: [service, { ...service, weekdays: 0 }],
    patterns: [pattern],
    shapes: [],
    trips: trips.map((trip, at) => ({ ...common, id: `t${at}`, startS: 0, frequencies: null, ...trip })),
  };
}

function slotsOf(table: Timetable, starts?: readonly number[]): number[] {
  const slots = new TripSlots(table);
  const runs = starts
    ? starts.map((startS) => ({ trip: table.trips[0], startS }))
    : table.trips.map((trip) => ({ trip, startS: trip.startS }));
  return runs.map((run) => slots.slotOf({ ...run, day } as Run));
}

describe("slots of trips", () => {
  it("are as many as trips that can be under way at once, in turns", () => {
    const half = Array.from({ length: 10 }, (_, at) => ({ startS: 6 * hourS + (at * hourS) / 2 }));
    expect(slotsOf(timetable(half, hourS))).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
    const seldom = Array.from({ length: 4 }, (_, at) => ({ startS: at * 4 * hourS }));
    expect(slotsOf(timetable(seldom, hourS))).toEqual([1, 1, 1, 1]);
  });

  it("count the trips of the day only, and every start of frequencies.txt", () => {
    const other = { service: 1, startS: 6 * hourS + 60 };
    expect(slotsOf(timetable([{ startS: 6 * hourS }, other, { startS: 7 * hourS }], hourS))).toEqual([
      1, 2, 2,
    ]);
    const frequencies = [{ fromS: 0, untilS: 6 * hourS, everyS: hourS, isExact: true }];
    const starts = [0, 1, 2, 3, 4, 5].map((hour) => hour * hourS);
    expect(slotsOf(timetable([{ frequencies }], hourS), starts)).toEqual([1, 2, 3, 1, 2, 3]);
  });

  it("are never shared by trips that are under way at the same time, whatever the timetable is", () => {
    const startS = fc.integer({ min: 0, max: 30 * hourS });
    const lastsS = fc.integer({ min: 60, max: 3 * hourS });
    fc.assert(
      fc.property(fc.array(startS, { maxLength: 60 }), lastsS, (starts, lasts) => {
        const slots = slotsOf(
          timetable(
            starts.map((one) => ({ startS: one })),
            lasts,
          ),
        );
        for (const [one, slot] of slots.entries()) {
          for (const [other, otherSlot] of slots.entries()) {
            if (one === other || slot !== otherSlot) continue;
            const apartS = Math.abs((starts[one] as number) - (starts[other] as number));
            expect(apartS).toBeGreaterThan(lasts + hourS);
          }
        }
      }),
    );
  });
});
