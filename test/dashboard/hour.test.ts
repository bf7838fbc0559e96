import { describe, expect, it } from "vitest";
import { courseOf, hourMs, hourPath } from "../../src/dashboard/hour.ts";
import { Things } from "../../src/dashboard/things.ts";

const now = Date.UTC(2026, 10, 22, 10);

describe("the last hour", () => {
  it("is drawn from left to right, the least at the bottom", () => {
    const points = [
      { time: now - hourMs, value: 10 },
      { time: now - hourMs + 300_000, value: 30 },
      { time: now - hourMs + 600_000, value: 20 },
    ];
    expect(hourPath(points, now, 120, 40)).toBe("M0.0 40.0L10.0 0.0L20.0 20.0");
  });

  it("breaks where nothing was heard for long, and runs through the middle where nothing changes", () => {
    const points = [50, 48, 20, 19].map((minutes) => ({ time: now - minutes * 60_000, value: 5 }));
    expect(hourPath(points, now, 60, 40)).toBe("M10.0 20.0L12.0 20.0M40.0 20.0L41.0 20.0");
    expect(hourPath(points.slice(0, 1), now, 60, 40)).toBe("");
  });

  it("follows the topic that has the thing's main value", () => {
    const things = new Things();
    things.apply({ topic: "gps/van", time: now, values: { lat: 60, lon: 25, speedKmh: 5 } });
    things.apply({ topic: "gps/mute", time: now, values: { lat: 60, lon: 25 } });
    things.apply({ topic: "energy/house/total", time: now, values: { powerW: 5 } });
    const course = (key: string) => {
      const thing = things.get(key);
      return thing && courseOf(thing);
    };
    expect(course("gps/van")).toEqual({ topic: "gps/van", name: "speedKmh" });
    expect(course("gps/mute")).toBeNull();
    expect(course("energy/house")).toEqual({ topic: "energy/house/total", name: "powerW" });
  });
});
