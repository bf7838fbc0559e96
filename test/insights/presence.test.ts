import fc from "fast-check";
import { expect, it } from "vitest";
import { presence } from "../../src/insights/presence.ts";
import { isoTime, type Reading } from "../../src/model/reading.ts";
import { play } from "./fixtures.ts";

const t0 = Date.UTC(2026, 10, 22);
const settings = presence.settings.parse({ refreshS: 0.001 });
const context = { timezone: null, files: new Map() };

it("the rhythm is the median of the last nine intervals, and a device is stale after three of it", () => {
  const intervals = fc.array(fc.integer({ min: 1_000, max: 20_000 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(intervals, (intervals) => {
      let now = t0;
      const times = [now, ...intervals.map((ms) => (now += ms))];
      const reading = (time: number): Reading => ({ domain: "gps", device: "a", time, values: { lat: 1 } });
      const arrivals = times.map((at) => ({ at, reading: reading(at) }));
      const said = play(presence, settings, context, { arrivals, until: now + 3_600_000 });
      const last = intervals.slice(-9).sort((a, b) => a - b);
      const rhythmMs = last[(last.length - 1) >> 1] as number;
      const staleAt = now + Math.max(10_000, 3 * rhythmMs);
      expect(said.slice(-2).map(({ time, values }) => ({ time, ...values }))).toEqual([
        { time: staleAt, state: "stale", lastSeen: isoTime(now), connected: null, rhythmS: rhythmMs / 1_000 },
        expect.objectContaining({ time: now + 300_000, state: "offline" }),
      ]);
    }),
  );
});
