import type { Socket } from "node:net";
import { encode } from "@msgpack/msgpack";
import { openSocket } from "./socket.ts";
import { clientFrame, HandshakeReader, opcodes, upgradeRequest } from "./websocket.ts";

/** Dashboards that ask for much and read nothing. */
export interface StalledJob {
  readonly port: number;
  readonly count: number;
  /** Each asks so many times for the whole log, which has the epoch `epoch`. */
  readonly subscriptions: number;
  readonly epoch: string;
}

/** Opens them; resolves when each has asked, and stopped reading. */
export function openStalled(job: StalledJob): Promise<Socket[]> {
  return Promise.all(Array.from({ length: job.count }, () => openOne(job)));
}

function openOne({ port, subscriptions, epoch }: StalledJob): Promise<Socket> {
  return new Promise((resolve) => {
    const handshake = new HandshakeReader();
    let isOpen = false;
    const socket = openSocket(
      port,
      (chunk, end) => {
        if (isOpen || handshake.push(chunk, end) < 0) return;
        isOpen = true;
        socket.pause();
        for (let id = 1; id <= subscriptions; id++) {
          const request = { type: "subscribe", id, filter: "#", from: { cursor: `${epoch}:0` } };
          socket.write(clientFrame(opcodes.binary, encode(request)));
        }
        resolve(socket);
      },
      // They are dropped on purpose.
      () => {},
    );
    socket.write(upgradeRequest("/stream", "fieldcast.v1.msgpack"));
  });
}
