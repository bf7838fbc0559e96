import { describe, expect, it } from "vitest";
import { InsightRows, watchedLevels } from "../../src/dashboard/insightrows.ts";

describe("InsightRows", () => {
  it("keeps what each topic showed last, and stays bounded", () => {
    const rows = new InsightRows(3);
    for (const [time, device] of ["a", "b", "c", "a", "d"].entries()) {
      rows.apply({ topic: `trips/${device}`, time, values: { state: "moving" } });
    }
    rows.apply({ topic: "geofence/depot/a", time: 9, values: { inside: true } });
    expect([...rows.of("trips").keys()]).toEqual(["trips/c", "trips/a", "trips/d"]);
    expect([...rows.of("geofence").keys()]).toEqual(["geofence/depot/a"]);
    rows.clear();
    expect(rows.of("trips").size).toBe(0);
  });

  it("leaves out what is not watched", () => {
    const rows = new InsightRows();
    rows.apply({ topic: "quarantine/unknown", time: 1, values: { bytes: 5 } });
    rows.apply({ topic: "presence/gps/a", time: 1, values: { state: "online" } });
    expect(watchedLevels).not.toContain("quarantine");
    expect(rows.of("quarantine").size + rows.of("presence").size + rows.version).toBe(0);
  });

  it("keeps what is newest when a correction of the past comes, with its remarks", () => {
    const rows = new InsightRows();
    rows.apply({ topic: "alerts/a", time: 5, values: { state: "firing", id: 2 }, attrs: { text: "new" } });
    rows.apply({ topic: "alerts/a", time: 3, values: { state: "pending" }, attrs: { text: "old" } });
    expect(rows.of("alerts").get("alerts/a")).toMatchObject({
      time: 5,
      values: { state: "firing", id: 2 },
      attrs: { text: "new" },
    });
  });
});
