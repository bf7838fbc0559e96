import { afterEach, expect, vi } from "vitest";
import { type ConnectOptions, connect, type Fieldcast, type Reading } from "../../src/client/node.ts";
import { Gateway } from "./gateway.ts";

const toStop: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

/** A gateway that is stopped after the test. */
export async function startGateway(): Promise<Gateway> {
  const gateway = await Gateway.start();
  toStop.push(() => gateway.stop());
  return gateway;
}

/** A client that is closed after the test. It retries within milliseconds. */
export function open(gateway: Gateway, options: ConnectOptions = {}): Fieldcast {
  const fieldcast = connect(gateway.url, { backoff: { firstDelayMs: 10, maxDelayMs: 50 }, ...options });
  toStop.push(() => fieldcast.close());
  return fieldcast;
}

/** Waits until `condition` holds. */
export function until(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(condition(), condition.toString()).toBe(true), {
    timeout: 10_000,
    interval: 2,
  });
}

export function seqs(readings: readonly Reading[]): number[] {
  return readings.map(({ seq }) => seq);
}

/** The whole numbers from `first` to `last`. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
