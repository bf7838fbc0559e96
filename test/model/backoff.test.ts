import { expect, test } from "vitest";
import { Backoff, defaultBackoffLimits } from "../../src/model/backoff.ts";

test("the bound doubles to the cap, and the delay is a random part of it", () => {
  const parts = [1, 1, 1, 0.5, 0, 1, 1, 1];
  const backoff = new Backoff(defaultBackoffLimits, () => parts.shift() ?? 1);
  const delays = Array.from({ length: 8 }, () => backoff.nextDelayMs());
  expect(delays).toEqual([250, 500, 1_000, 1_000, 0, 8_000, 10_000, 10_000]);
  backoff.reset();
  expect(backoff.nextDelayMs()).toBe(250);
});
