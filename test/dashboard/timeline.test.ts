import { beforeEach, describe, expect, it } from "vitest";
import { TimeLine } from "../../src/dashboard/timeline.ts";

const start = Date.UTC(2026, 10, 22, 14);
const minuteMs = 60_000;

describe("the time line", () => {
  let now = start;
  let asked: string[] = [];
  let timeLine: TimeLine;

  beforeEach(() => {
    now = start;
    asked = [];
    timeLine = new TimeLine({ now: () => now });
    timeLine.moves({
      pause: () => asked.push("pause"),
      resume: () => asked.push("resume"),
      setSpeed: (speed) => asked.push(`speed ${speed}`),
      seek: (from) => asked.push(from === "latest" ? "live" : `at ${from.time - start}`),
    });
  });

  it("shows the present until it is moved", () => {
    now += 5_000;
    expect(timeLine.now()).toBe(start + 5_000);
    expect(timeLine.mode.value).toBe("live");
    expect(asked).toEqual([]);
  });

  it("stays at the instant that it was moved to", () => {
    timeLine.goTo(start - minuteMs);
    timeLine.answered(start - minuteMs);
    now += 5_000;
    expect(timeLine.now()).toBe(start - minuteMs);
    expect(timeLine.mode.value).toBe("paused");
    expect(asked).toEqual(["pause", `at ${-minuteMs}`]);
  });

  it("asks for whole milliseconds, wherever a slider stands", () => {
    timeLine.goTo(start - minuteMs / 7);
    expect(asked).toEqual(["pause", "at -8571"]);
    expect(timeLine.now()).toBe(start - 8_571);
  });

  it("asks for the last place of a dragged slider only, and for that when it has its answer", () => {
    for (const minutes of [1, 2, 3, 4]) timeLine.goTo(start - minutes * minuteMs);
    expect(asked).toEqual(["pause", `at ${-minuteMs}`]);
    timeLine.answered(start - minuteMs);
    expect(asked.slice(2)).toEqual(["pause", `at ${-4 * minuteMs}`]);
    expect(timeLine.now()).toBe(start - 4 * minuteMs);
    timeLine.answered(start - 4 * minuteMs);
    expect(asked).toHaveLength(4);
  });

  it("shows the oldest that is kept where more was asked for", () => {
    timeLine.goTo(start - 90 * minuteMs);
    timeLine.answered(start - 20 * minuteMs);
    expect(timeLine.now()).toBe(start - 20 * minuteMs);
  });

  it("runs at its speed, as the gateway tells, and never far ahead of it", () => {
    timeLine.goTo(start - 60 * minuteMs);
    timeLine.answered(start - 60 * minuteMs);
    timeLine.setSpeed(10);
    timeLine.play();
    expect(asked.slice(2)).toEqual(["speed 10", "resume"]);
    now += 1_000;
    expect(timeLine.now()).toBe(start - 60 * minuteMs + 10_000);
    timeLine.reached("playing", start - 60 * minuteMs + 9_000);
    expect(timeLine.now()).toBe(start - 60 * minuteMs + 9_000);
    now += 60_000;
    expect(timeLine.now()).toBe(start - 60 * minuteMs + 9_000 + 15_000);
    timeLine.pause();
    now += 60_000;
    expect(timeLine.now()).toBe(start - 60 * minuteMs + 9_000 + 15_000);
  });

  it("is live again when it has caught up, or when it is told to", () => {
    timeLine.goTo(start - minuteMs);
    timeLine.answered(start - minuteMs);
    timeLine.play();
    timeLine.reached("live", now);
    expect(timeLine.mode.value).toBe("live");
    timeLine.goTo(start - minuteMs);
    timeLine.goLive();
    expect(timeLine.mode.value).toBe("live");
    expect(asked.slice(-2)).toEqual(["resume", "live"]);
    timeLine.answered(null);
    expect(timeLine.now()).toBe(now);
  });

  it("pauses the present where it is", () => {
    timeLine.pause();
    expect(timeLine.now()).toBe(start);
    expect(asked).toEqual(["pause", "at 0"]);
    timeLine.play();
    timeLine.answered(start);
    expect(timeLine.mode.value).toBe("playing");
  });
});
