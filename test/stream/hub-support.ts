import { afterEach, vi } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { systemClock } from "../../src/model/clock.ts";
import { Hub } from "../../src/stream/hub.ts";
import { defaultStreamOptions, type StreamOptions } from "../../src/stream/options.ts";
import type { ServerMessage, Subprotocol, WireReading } from "../../src/wire/messages.ts";
import { openTestLog } from "../support/log.ts";
import { ModelSocket } from "./model-socket.ts";

const toClose: (() => unknown)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const close of toClose.splice(0).reverse()) await close();
});

/** A hub on a real log, both closed after the test. Its clock is `Date`, which a test may fake. */
export async function openHub(
  options: Partial<StreamOptions> = {},
  log?: Log,
): Promise<{ log: Log; hub: Hub }> {
  const used = log ?? (await openTestLog());
  const hub = new Hub(used, { ...defaultStreamOptions, batchMs: 0, ...options }, systemClock);
  toClose.push(
    () => used.close(),
    () => hub.close(),
  );
  return { log: used, hub };
}

/** Timers and the time stand still until the test moves them; setImmediate goes on, for the log and the hub take turns with it. */
export function fakeTimers(now?: number): void {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"],
    ...(now !== undefined && { now }),
  });
}

/** Lets everything happen that waits for no timer. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass in small steps, and everything happen that comes due. */
export async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    vi.advanceTimersByTime(Math.min(50, ms - passed));
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A connection to a hub and what it was sent. */
export class HubClient {
  readonly socket: ModelSocket;
  readonly messages: ServerMessage[] = [];

  constructor(hub: Hub, subprotocol: Subprotocol) {
    const onMessage = (message: ServerMessage) => void this.messages.push(message);
    this.socket = new ModelSocket(hub, subprotocol, () => {}, onMessage);
  }

  request(message: object): void {
    this.socket.request(message);
  }

  ofType<Type extends ServerMessage["type"]>(type: Type): Extract<ServerMessage, { type: Type }>[] {
    return this.messages.filter(
      (message): message is Extract<ServerMessage, { type: Type }> => message.type === type,
    );
  }

  /** All that came in `readings`. */
  get readings(): WireReading[] {
    return this.ofType("readings").flatMap(({ readings }) => readings);
  }

  get seqs(): number[] {
    return this.readings.map(({ seq }) => seq);
  }

  /** Names of the states that were told, without repetitions. */
  get states(): string[] {
    const states = this.ofType("replay").map(({ state }) => state);
    return states.filter((state, index) => state !== states[index - 1]);
  }
}
