import { expect, it } from "vitest";
import { Pace } from "../../src/stream/pace.ts";

it("runs at a multiple of real time, and stands still while it is stopped", () => {
  const pace = new Pace(10, 1_000, 0);
  expect(pace.timeAt(500)).toBe(6_000);
  pace.change(10, true, 500);
  expect(pace.timeAt(900)).toBe(6_000);
  pace.change(0.5, false, 900);
  expect(pace.timeAt(1_000)).toBe(6_050);
});

it("begins with the first reading where it was given no time", () => {
  const pace = new Pace(1, null, 0);
  expect(pace.timeAt(50_000)).toBeNull();
  expect(pace.isDue(7_000, 50_000)).toBe(true);
  expect(pace.isDue(7_100, 50_050)).toBe(false);
  expect(pace.isDue(7_100, 50_100)).toBe(true);
});

it("is not thrown by a machine's clock that is set, and waits for who cannot take the speed", () => {
  const pace = new Pace(1, 0, 1_000_000);
  expect(pace.timeAt(5_000_000)).toBe(1_000);
  expect(pace.timeAt(0)).toBe(1_000);
  // What is due lies far behind: the clock is not farther ahead of it than a second of real time.
  const slow = new Pace(100, 0, 0);
  for (let now = 0; now <= 10_000; now += 100) slow.isDue(500, now);
  expect(slow.timeAt(10_000)).toBe(100_500);
});
