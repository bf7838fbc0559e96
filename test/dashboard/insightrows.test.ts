import { describe, expect, it } from "vitest";
import { InsightRows, insightWords, watchedLevels } from "../../src/dashboard/insightrows.ts";

describe("InsightRows", () => {
  it("shows of each first level what was told last, and stays bounded", () => {
    const rows = new InsightRows(3);
    for (const [time, device] of ["a", "b", "c", "a", "d"].entries()) {
      rows.apply({ topic: `trips/${device}`, time, values: { state: "moving" } });
    }
    rows.apply({ topic: "geofence/depot/a", time: 9, values: { inside: true } });
    expect(rows.levels()).toEqual([
      { level: "trips", count: 3 },
      { level: "geofence", count: 1 },
    ]);
    expect(rows.newest("trips", "", 2).map(({ topic }) => topic)).toEqual(["trips/d", "trips/a"]);
    expect(rows.newest("trips", " C", 2).map(({ topic }) => topic)).toEqual(["trips/c"]);
    expect(watchedLevels).not.toContain("quarantine");
  });

  it("keeps what is newest when a correction of the past comes", () => {
    const rows = new InsightRows();
    rows.apply({ topic: "trips/a", time: 5, values: { state: "stopped", totalTrips: 2 } });
    rows.apply({ topic: "trips/a", time: 3, values: { state: "moving" } });
    expect(rows.newest("trips", "", 1)[0]).toMatchObject({
      time: 5,
      values: { state: "stopped", totalTrips: 2 },
    });
  });

  it("writes values with their units, and leaves out what is not known", () => {
    expect(
      insightWords({ lat: 60, state: "moving", tripStart: null, tripDistanceM: 2_500, tripMaxKmh: 48.3 }),
    ).toBe("state moving · trip distance 2.50 km · trip max 48.3 km/h");
  });
});
