import { expect, it, vi } from "vitest";
import type { Append } from "../../src/log/contract.ts";
import { gpsReading, openTestLog } from "../support/log.ts";
import { fakeTimers, HubClient, openHub } from "./hub-support.ts";

const windowMs = 50;
const stepMs = 5;
/** How long packets gather before they come to the log, milliseconds. */
const gatherMs = 44;

/** How long after it came each reading left, in milliseconds, and in how many frames they left. */
async function delays(isAwaited: (n: number) => boolean): Promise<{ delays: number[]; frames: number }> {
  fakeTimers();
  const log = await openTestLog({ gatherMs: 10 });
  const { hub } = await openHub({ batchMs: windowMs }, log);
  const { socket, messages } = new HubClient(hub, "fieldcast.v1.json");
  socket.request({ type: "subscribe", id: 1, filter: "#", from: "now" });
  const cameAt: number[] = [];
  const found: number[] = [];
  let frames = 0;
  let seen = 0;
  let gathered: Append[] = [];
  let handedOnAt = 0;
  for (let n = 0; n < 400; n++) {
    cameAt.push(Date.now());
    gathered.push({ readings: [gpsReading("van", { n })], cameAt: Date.now() });
    if (isAwaited(n) || Date.now() - handedOnAt >= gatherMs) {
      for (const append of gathered) void log.append(append);
      gathered = [];
      handedOnAt = Date.now();
    }
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    for (const message of messages.slice(seen)) {
      if (message.type !== "readings") continue;
      frames++;
      for (const { values } of message.readings) {
        found.push(Date.now() - (cameAt[values["n"] as number] as number));
      }
    }
    seen = messages.length;
    vi.advanceTimersByTime(stepMs);
  }
  return { delays: found, frames };
}

it.each([
  ["nobody waits for", () => false],
  ["somebody waits for", () => true],
  ["somebody waits for now and then", (n: number) => n % 13 === 0],
])("what %s leaves within one batch window, its commit included", async (_, isAwaited) => {
  const { delays: found, frames } = await delays(isAwaited);
  expect(found.length).toBeGreaterThan(380);
  expect(Math.max(...found)).toBeLessThanOrEqual(windowMs + 2 * stepMs);
  // Two seconds hold forty windows; what somebody waits for cuts some of them short.
  expect(frames).toBeLessThanOrEqual(80);
});
