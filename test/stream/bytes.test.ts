import type { Socket } from "node:net";
import { expect, it } from "vitest";
import { append, gpsReading } from "../support/log.ts";
import { describeStream } from "./served.ts";

const devices = 1_000;
const perBatch = 25;

/** What a tracker sends, every value different from the one before. */
function tracked(n: number) {
  const values = {
    lat: 60.1 + n / 1e7,
    lon: -124.9 + n / 1e7,
    speedKmh: (n % 900) / 10,
    courseDeg: n % 360,
    accuracyM: 4.5,
    batteryPct: n % 100,
  };
  return gpsReading(`tracker-${n % devices}`, values, Date.UTC(2026, 10, 22) + n);
}

describeStream(({ subprotocol, serve, join }) => {
  const maxBytes = subprotocol === "fieldcast.v1.msgpack" ? 60 : 215;

  it(`a GPS reading of six values costs at most ${maxBytes} bytes of TCP payload, WebSocket framing included`, async () => {
    const { log, server } = await serve();
    for (let n = 0; n < 70_000; n += 1_000)
      await append(log, ...Array.from({ length: 1_000 }, (_, i) => tracked(n + i)));
    const client = await join(server);
    client.send({ type: "subscribe", id: 1, filter: "gps/#", from: "now" });
    await client.next("subscribed", 1);
    const { _socket: tcp } = client.socket as unknown as { _socket: Socket };
    let count = 0;
    const send = async (readings: number) => {
      for (const stop = count + readings; count < stop; count += perBatch) {
        await append(log, ...Array.from({ length: perBatch }, (_, i) => tracked(count + i)));
        await client.untilReadings(1, count + perBatch);
      }
    };
    // Topics are announced once.
    await send(devices);
    const before = tcp.bytesRead;
    await send(2_000);
    const bytes = (tcp.bytesRead - before) / 2_000;

    expect(bytes).toBeGreaterThan(30);
    expect(bytes).toBeLessThanOrEqual(maxBytes);
  });
});
