import { once } from "node:events";
import type { Duplex } from "node:stream";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { defaultStreamOptions } from "../../src/stream/options.ts";
import { startStream } from "../../src/stream/stream.ts";
import type { Socket, StartTransport } from "../../src/stream/transport.ts";
import { startUws } from "../../src/stream/transports/uws.ts";
import { startWs } from "../../src/stream/transports/ws.ts";
import { openTestLog } from "../support/log.ts";

const maxMessageBytes = 256 * 1024;

interface Pair {
  readonly stream: Duplex;
  /** What the stream writes to. */
  readonly socket: Socket;
  readonly client: WebSocket;
}

/** Both ends of one connection to `/mqtt`. */
async function connection(start: StartTransport): Promise<Pair> {
  const log = await openTestLog();
  onTestFinished(() => log.close());
  const accepted: { stream?: Duplex; socket?: Socket } = {};
  const spied: StartTransport = (options) =>
    start({
      ...options,
      accept: (socket) => {
        accepted.socket = socket;
        return options.accept(socket);
      },
    });
  const server = await startStream(spied, {
    log,
    clock: systemClock,
    logger: silentLogger,
    http: async () => ({ status: 404 }),
    onPublish: async () => null,
    mqtt: {
      maxMessageBytes,
      accept: (stream) => {
        accepted.stream = stream;
        stream.on("error", () => {});
      },
    },
    options: defaultStreamOptions,
    host: "127.0.0.1",
    port: 0,
  });
  onTestFinished(() => server.close(0));
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/mqtt`, "mqtt");
  onTestFinished(() => client.terminate());
  await once(client, "open");
  await vi.waitFor(() => expect(accepted.stream).toBeDefined());
  return { stream: accepted.stream as Duplex, socket: accepted.socket as Socket, client };
}

function until(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000, interval: 5 });
}

const period = 251;
const cycle = Buffer.from(Uint8Array.from({ length: 25_000_000 }, (_, i) => i % period));

/** Bytes that tell their place. */
function pattern(from: number, length: number): Buffer {
  return cycle.subarray(from % period, (from % period) + length);
}

/** Counts what comes, and checks that nothing is missing or out of order. */
function countBytes(chunk: Buffer, before: number): number {
  if (!chunk.equals(pattern(before, chunk.length))) throw new Error(`wrong bytes after ${before}`);
  return before + chunk.length;
}

describe.each([
  ["uws", startUws],
  ["ws", startWs],
] as const)("a WebSocket as a stream of bytes, %s", (name, start) => {
  it("shows a slow reader in writableLength, and keeps what the transport holds bounded", async () => {
    const { stream, socket, client } = await connection(start);
    client.pause();
    const pieceBytes = 100_000;
    const total = 200 * pieceBytes;
    for (let at = 0; at < total; at += pieceBytes) stream.write(pattern(at, pieceBytes));
    await until(() => socket.bufferedBytes() > 0);
    // The first writev takes all that was queued before it.
    expect(stream.writableLength).toBeGreaterThan(total / 4);
    let received = 0;
    client.on("message", (data: Buffer) => {
      received = countBytes(data, received);
    });
    client.resume();
    await until(() => received === total);
    expect(stream.writableLength).toBe(0);
  });

  it("holds back a fast sender, or closes it at a limit where the transport cannot", async () => {
    const { stream, client } = await connection(start);
    let received = 0;
    stream.on("data", (chunk: Buffer) => {
      received = countBytes(chunk, received);
    });
    stream.pause();
    const pieceBytes = 50_000;
    const total = 200 * pieceBytes;
    const closed = once(client, "close");
    for (let at = 0; at < total; at += pieceBytes) client.send(pattern(at, pieceBytes));
    if (name === "uws") {
      const [code, reason] = await closed;
      expect([code, String(reason)]).toEqual([1008, expect.stringContaining("faster")]);
      expect(stream.readableLength).toBeGreaterThan(maxMessageBytes);
      expect(stream.readableLength).toBeLessThanOrEqual(2 * maxMessageBytes);
      return;
    }
    await until(() => stream.readableLength >= 64 * 1024);
    expect(stream.readableLength).toBeLessThan(maxMessageBytes);
    stream.resume();
    await until(() => received === total);
  });

  it("gives all that a client sent before it closed, and takes what nobody reads any more", async () => {
    const { stream, client } = await connection(start);
    let received = 0;
    let ended = false;
    stream.pause();
    stream.on("data", (chunk: Buffer) => {
      received = countBytes(chunk, received);
    });
    stream.on("end", () => {
      ended = true;
    });
    client.send(pattern(0, 1_000));
    client.close();
    await once(client, "close");
    stream.write("late");
    stream.resume();
    await until(() => ended);
    expect(received).toBe(1_000);
    expect(stream.destroyed).toBe(false);
    stream.end();
    await once(stream, "close");
  });

  it("closes with a close frame when it ends, and without when it is destroyed", async () => {
    const first = await connection(start);
    first.stream.resume();
    first.stream.end("bye");
    const [[data], [code]] = await Promise.all([once(first.client, "message"), once(first.client, "close")]);
    expect([String(data), code]).toEqual(["bye", 1000]);
    await until(() => first.stream.destroyed);
    const second = await connection(start);
    second.stream.destroy();
    expect((await once(second.client, "close"))[0]).toBe(1006);
  });

  it("closes on a frame above the limit", async () => {
    const { client } = await connection(start);
    const closed = once(client, "close");
    client.send(Buffer.alloc(maxMessageBytes + 1));
    expect([1006, 1009]).toContain((await closed)[0]);
  });
});
