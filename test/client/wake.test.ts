import { expect, test } from "vitest";
import { onWake } from "../../src/client/wake.ts";

test("wakes when the network returns and when the page becomes visible", () => {
  const document = Object.assign(new EventTarget(), { visibilityState: "hidden" });
  const page = Object.assign(new EventTarget(), { document });
  let wakes = 0;
  const stop = onWake(() => wakes++, page);
  page.dispatchEvent(new Event("online"));
  expect(wakes).toBe(1);
  document.dispatchEvent(new Event("visibilitychange"));
  expect(wakes).toBe(1);
  document.visibilityState = "visible";
  document.dispatchEvent(new Event("visibilitychange"));
  expect(wakes).toBe(2);
  stop();
  page.dispatchEvent(new Event("online"));
  document.dispatchEvent(new Event("visibilitychange"));
  expect(wakes).toBe(2);
});

test("does without either where there is no page", () => {
  expect(() => onWake(() => {}, {})()).not.toThrow();
});
