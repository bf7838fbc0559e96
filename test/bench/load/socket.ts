import { connect, type Socket } from "node:net";

/** One buffer for all sockets: a chunk is used up before the next read. */
const readBuffer = Buffer.allocUnsafe(64 * 1024);

/**
 * Opens a socket whose bytes go to `take`: the first `end` of `chunk`, valid only during the call. A connection that
 * fails or ends is thrown, which ends the process: a run in which one was lost must not become a figure.
 */
export function openSocket(port: number, take: (chunk: Buffer, end: number) => void): Socket {
  const socket = connect({
    port,
    host: "127.0.0.1",
    noDelay: true,
    onread: {
      buffer: readBuffer,
      callback: (end, chunk) => {
        take(chunk as Buffer, end);
        return true;
      },
    },
  });
  socket.on("error", (error) => {
    throw error;
  });
  socket.on("close", () => {
    throw new Error("the server closed a connection");
  });
  return socket;
}
