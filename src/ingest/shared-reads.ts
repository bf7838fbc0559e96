import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";

/** Every socket is read into this, one after the other. */
const shared = Buffer.allocUnsafe(64 * 1024);

/** What Node keeps below a socket (`TCPWrap`); no business of ours but to hand it on. */
type Handle = object;
type SocketWithHandle = Socket & { _handle: Handle | null };
type Options = SocketConstructorOpts & { readonly handle: Handle; readonly onread: OnReadOpts };

/**
 * Reads an accepted socket into memory that all such sockets share: a chunk of its `data` events is good during the event
 * only, and must be copied by who keeps it. Node's own way makes 64 KiB for each chunk and passes it through a stream's
 * buffer, which costs about 10 µs, more than decoding what is in it.
 *
 * `onread` is an option of new sockets only (https://nodejs.org/api/net.html#new-netsocketoptions), so a new socket takes
 * over the handle of the accepted one. That is not documented: where there is no such handle, the accepted socket is returned
 * as it is.
 */
export function readShared(accepted: Socket): Socket {
  const before = accepted as SocketWithHandle;
  const handle = before._handle;
  if (!handle) return accepted;
  before._handle = null;
  const options: Options = {
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: shared,
      callback: (bytes) => {
        socket.emit("data", shared.subarray(0, bytes));
        return true;
      },
    },
  };
  const socket: Socket = new Socket(options);
  // The server counts its connections by the sockets that it accepted, and closes when there are none.
  socket.once("close", () => accepted.destroy());
  return socket;
}
