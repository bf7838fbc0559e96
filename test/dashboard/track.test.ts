import { describe, expect, it } from "vitest";
import { maxPoints, Track } from "../../src/dashboard/share/track.ts";
import { isoTime, type Values } from "../../src/model/reading.ts";

const noon = Date.UTC(2026, 10, 22, 12);
const reading = (second: number, values: Values) => ({ time: isoTime(noon + second * 1_000), values });
const at = (second: number, lat: number) => reading(second, { lat, lon: 25 });

describe("the way on a link's page", () => {
  it("is in the order of observation, each time once, and only of positions", () => {
    const track = new Track();
    for (const one of [at(0, 60), at(20, 62), at(10, 61), at(20, 63), reading(30, { speedKmh: 5 })]) {
      track.add(one);
    }
    expect(track.points.map(({ lat }) => lat)).toEqual([60, 61, 63]);
    expect(track.last?.lat).toBe(63);
  });

  it("breaks where nothing was heard for long", () => {
    const track = new Track();
    for (const second of [0, 10, 700, 710]) track.add(at(second, 60));
    expect(track.stretches().map((stretch) => stretch.length)).toEqual([2, 2]);
  });

  it("keeps its newest points when it becomes long", () => {
    const track = new Track();
    for (let second = 0; second <= maxPoints; second++) track.add(at(second, 60));
    expect(track.points.length).toBeLessThanOrEqual(maxPoints);
    expect(track.points[0]?.time).toBe(noon);
    expect(track.last?.time).toBe(noon + maxPoints * 1_000);
  });
});
