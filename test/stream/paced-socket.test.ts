import { expect, it } from "vitest";
import { PacedSocket } from "../../src/stream/paced-socket.ts";
import type { Socket } from "../../src/stream/transport.ts";

/** A kernel that takes everything, as long as it is told to. */
class Kernel implements Socket {
  readonly subprotocol = "fieldcast.v1.msgpack";
  readonly remote = "test";
  pings = 0;
  buffered = 0;
  bufferedBytes(): number {
    return this.buffered;
  }
  send(): void {}
  ping(): void {
    this.pings++;
  }
  close(): void {}
  terminate(): void {}
}

function paced() {
  const kernel = new Kernel();
  const socket = new PacedSocket(kernel, 1_000);
  let drains = 0;
  const handler = socket.telling({
    onMessage: () => {},
    onPong: () => {},
    onDrain: () => {
      drains++;
    },
    onClose: () => {},
  });
  return { kernel, socket, handler, drains: () => drains };
}

it("asks how far the client has read before the limit is reached, and counts what it has not", () => {
  const { kernel, socket, handler, drains } = paced();
  socket.send(new Uint8Array(250));
  expect(kernel.pings).toBe(0);
  socket.send("ä");
  expect(kernel.pings).toBe(1);
  socket.send(new Uint8Array(748));
  expect(socket.bufferedBytes()).toBe(0);
  socket.send(new Uint8Array(1));
  expect(socket.bufferedBytes()).toBe(1_001);
  handler.onPong();
  expect(socket.bufferedBytes()).toBe(0);
  expect(drains()).toBe(1);
  // Much is still unread, and nobody else would ask.
  expect(kernel.pings).toBe(2);
  handler.onPong();
  expect(kernel.pings).toBe(2);
});

it("pings a client that does not answer as long as nothing else is under way to it", () => {
  const { kernel, socket } = paced();
  socket.send(new Uint8Array(2_000));
  expect(kernel.pings).toBe(1);
  socket.ping();
  expect(kernel.pings).toBe(2);
  kernel.buffered = 6;
  socket.ping();
  expect(kernel.pings).toBe(2);
  expect(socket.bufferedBytes()).toBe(2_000);
});
