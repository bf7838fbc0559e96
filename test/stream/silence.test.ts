import { expect, it } from "vitest";
import { defaultStreamOptions } from "../../src/stream/options.ts";
import { startStream } from "../../src/stream/stream.ts";
import { openTestLog } from "../support/log.ts";
import type { StreamClient } from "../support/stream-client.ts";
import { dependencies, describeStream } from "./served.ts";

describeStream(({ join, keep }, start) => {
  it("drops nobody who answers its pings when the clock leaps", async () => {
    let now = 1_000_000;
    const clock = {
      now: () => {
        now += 3_600_000;
        return now;
      },
    };
    const options = { ...defaultStreamOptions, heartbeatMs: 160, silentMs: 1_000 };
    const server = await startStream(start, dependencies(keep(await openTestLog()), options, clock));
    keep({ close: () => server.close(500) });
    const client = await join(server);
    await client.next("heartbeat");
    await keepSilent(client, 400);
    // Its pong is late for a beat, and not by much.
    const before = heartbeats(client);
    await client.until(() => heartbeats(client) > before + 3 || client.closeCode !== null, "heartbeats");
    expect(client.closeCode).toBeNull();
  });

  it("asks a silent client for a sign of life when a quarter of what is allowed is over, not at each beat", async () => {
    const options = { ...defaultStreamOptions, heartbeatMs: 160, silentMs: 2_000 };
    const server = await startStream(start, dependencies(keep(await openTestLog()), options));
    keep({ close: () => server.close(500) });
    const client = await join(server);
    let pings = 0;
    client.socket.on("ping", () => {
      pings++;
    });
    await client.until(() => heartbeats(client) >= 16 || client.closeCode !== null, "heartbeats");
    expect(client.closeCode).toBeNull();
    expect(pings).toBeGreaterThanOrEqual(2);
    expect(pings).toBeLessThanOrEqual(10);
  });
});

function heartbeats(client: StreamClient): number {
  return client.messages.filter(({ type }) => type === "heartbeat").length;
}

/** The client reads nothing, and so answers no ping, for so long. */
async function keepSilent(client: StreamClient, ms: number): Promise<void> {
  client.socket.pause();
  await new Promise((resolve) => setTimeout(resolve, ms));
  client.socket.resume();
}
