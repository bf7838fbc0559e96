import { connect, type Socket } from "node:net";

/** One buffer for all sockets: a chunk is used up before the next read. */
const readBuffer = Buffer.allocUnsafe(64 * 1024);

/**
 * Opens a socket whose bytes go to `take`: the first `end` of `chunk`, valid only during the call.
 *
 * @param ended called, perhaps more than once, when the connection fails or ends. Without it that is thrown, which ends the
 *   process: a run in which a connection was lost must not become a figure.
 */
export function openSocket(
  port: number,
  take: (chunk: Buffer, end: number) => void,
  ended: (reason: string) => void = fail,
): Socket {
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
  socket.on("error", (error) => ended(error.message));
  socket.on("close", () => ended("the server closed a connection"));
  return socket;
}

function fail(reason: string): never {
  throw new Error(reason);
}
