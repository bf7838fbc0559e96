import type * as Uws from "uWebSockets.js";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import type { HttpReply, HttpRequest } from "../../model/http.ts";
import { internalError, isPieces } from "../reply-writer.ts";
import type { Socket, SocketHandler, Transport, TransportOptions } from "../transport.ts";
import { type Client, endHead, UwsReplies, writeHead } from "./uws-reply.ts";
import { logFailure, splitList } from "./ws.ts";

/** The package's types lack the flag. */
type Library = typeof Uws & { readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number };

/**
 * The native library. `require`, because an `import` of its CommonJS module has no named exports in Node.js.
 * @throws Error when it has no build that this machine can load
 */
export function loadUws(): Library {
  return createRequire(import.meta.url)("uWebSockets.js") as Library;
}

interface UserData {
  readonly subprotocol: Socket["subprotocol"];
  readonly remote: string;
  connection?: Connection;
}

type NativeSocket = Uws.WebSocket<UserData>;

/**
 * HTTP and WebSocket over uWebSockets.js.
 * @throws Error when the native library does not load here, or the port cannot be had
 */
export async function startUws(options: TransportOptions): Promise<Transport> {
  const uws = loadUws();
  const app = uws.App();
  // Every other path is refused by `admit`.
  const endpoints = Object.entries({ "/*": 0, ...options.endpoints });
  for (const [path, maxMessageBytes] of endpoints) {
    app.ws<UserData>(path, webSocketBehavior(uws, options, maxMessageBytes));
  }
  const replies = new UwsReplies();
  app.any("/*", (response, request) => answer(options, replies, response, request));
  const port = await listen(
    uws,
    app,
    options.host,
    options.port === 0 ? await freePort(options.host) : options.port,
  );
  return {
    name: "uws",
    port,
    close: async () => {
      app.close();
      replies.close();
    },
  };
}

function webSocketBehavior(
  uws: Library,
  options: TransportOptions,
  maxMessageBytes: number,
): Uws.WebSocketBehavior<UserData> {
  return {
    maxPayloadLength: maxMessageBytes,
    compression: uws.DISABLED,
    // Sessions look at the buffer before they send, so that nothing is ever dropped down here; liveness is theirs too.
    maxBackpressure: 0,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade: (response, request, context) => upgrade(options, response, request, context),
    open: (ws) => {
      const connection = new Connection(ws, ws.getUserData());
      ws.getUserData().connection = connection;
      connection.entered();
      connection.handler = options.accept(connection);
    },
    message: (ws, message, isBinary) => {
      const bytes = new Uint8Array(message);
      const { connection } = ws.getUserData();
      connection?.entered();
      connection?.handler?.onMessage(isBinary ? bytes : Buffer.from(message).toString("utf8"));
    },
    pong: (ws) => {
      const { connection } = ws.getUserData();
      connection?.entered();
      connection?.handler?.onPong();
    },
    drain: (ws) => {
      const { connection } = ws.getUserData();
      // Later, because the library stops watching the socket when this returns: what was sent in here and the kernel did not
      // take would never leave.
      setImmediate(() => connection?.handler?.onDrain());
    },
    close: (ws) => ws.getUserData().connection?.closed(),
  };
}

function listen(uws: Library, app: Uws.TemplatedApp, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (token: Uws.us_listen_socket | false) => {
      if (token) return resolve(port);
      reject(
        new Error(`listen EADDRINUSE: cannot listen on ${host}:${port}; is another program using the port?`),
      );
    };
    // Without the exclusive flag the kernel lets a second gateway share the port, and clients land on either.
    const listenWithHost = app.listen as unknown as (
      host: string,
      port: number,
      flags: number,
      done: (token: Uws.us_listen_socket | false) => void,
    ) => void;
    listenWithHost.call(app, host, port, uws.LIBUS_LISTEN_EXCLUSIVE_PORT, done);
  });
}

/**
 * A free port. The library could take port 0 itself, but then it does not set SO_REUSEADDR (seen with strace), and a
 * gateway that restarts could not have the same port again for a minute.
 */
function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, host, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** What the library's `send` answers when the kernel took all of it. */
const sent = 1;

/** A socket whose methods do nothing once it is closed: touching a closed native socket throws. */
class Connection implements Socket {
  readonly subprotocol: Socket["subprotocol"];
  readonly remote: string;
  handler: SocketHandler | null = null;
  private native: NativeSocket | null;
  /** False while all that was sent has left, so that the library need not be asked for each frame. */
  private mayBuffer = false;

  constructor(native: NativeSocket, { subprotocol, remote }: UserData) {
    this.native = native;
    this.subprotocol = subprotocol;
    this.remote = remote;
  }

  bufferedBytes(): number {
    if (!this.mayBuffer || this.native === null) return 0;
    const bytes = this.native.getBufferedAmount();
    this.mayBuffer = bytes > 0;
    return bytes;
  }

  send(frame: Uint8Array | string): void {
    if (this.native !== null && this.native.send(frame, typeof frame !== "string") !== sent)
      this.mayBuffer = true;
  }

  ping(): void {
    if (this.native !== null && this.native.ping() !== sent) this.mayBuffer = true;
  }

  together(send: () => void): void {
    this.native?.cork(send);
    this.mayBuffer = true;
  }

  /** To be called in the library's events: what is sent there it writes afterwards, and tells nobody what is left. */
  entered(): void {
    this.mayBuffer = true;
  }

  close(code: number, reason: string): void {
    this.native?.end(code, reason);
  }

  terminate(): void {
    this.native?.close();
  }

  closed(): void {
    this.native = null;
    this.handler?.onClose();
    this.handler = null;
  }
}

function upgrade(
  options: TransportOptions,
  response: Uws.HttpResponse,
  request: Uws.HttpRequest,
  context: Uws.us_socket_context_t,
): void {
  const problem = handshakeProblem(request);
  const admission =
    problem === null
      ? options.admit({
          path: request.getUrl(),
          origin: request.getHeader("origin"),
          host: request.getHeader("host"),
          subprotocols: splitList(request.getHeader("sec-websocket-protocol")),
        })
      : { ok: false as const, status: 400, message: problem };
  if (!admission.ok) {
    response.cork(() => {
      response
        .writeStatus(`${admission.status} Refused`)
        .writeHeader("content-type", "text/plain; charset=utf-8");
      response.end(`${admission.message}\n`, true);
    });
    return;
  }
  const { subprotocol } = admission;
  const remote = Buffer.from(response.getRemoteAddressAsText()).toString("latin1");
  const data: UserData = { subprotocol, remote };
  const offered = request.getHeader("sec-websocket-protocol") === "" ? "" : subprotocol;
  response.upgrade(data, request.getHeader("sec-websocket-key"), offered, "", context);
}

/** What RFC 6455, 4.2.1 asks of a handshake and uWebSockets.js does not check. */
function handshakeProblem(request: Uws.HttpRequest): string | null {
  if (request.getHeader("upgrade").toLowerCase() !== "websocket")
    return "the Upgrade header must say websocket";
  if (request.getHeader("sec-websocket-version") !== "13") return "Sec-WebSocket-Version must be 13";
  return null;
}

function answer(
  options: TransportOptions,
  replies: UwsReplies,
  response: Uws.HttpResponse,
  native: Uws.HttpRequest,
): void {
  const client: Client = { response, left: false, onLeft: () => {} };
  response.onAborted(() => {
    client.left = true;
    client.onLeft();
  });
  const request = copyRequest(native);
  const onError = (error: unknown) => logFailure(options, request.path, error);
  const respond = async (reply: HttpReply) => {
    if (isPieces(reply.body)) await replies.write(client, request, reply, reply.body, onError);
    else writeWhole(client, request.method, reply, reply.body ?? "");
  };
  options
    .http(request)
    .catch((error: unknown) => {
      onError(error);
      return failure;
    })
    .then(respond)
    .catch(onError);
}

const failure: HttpReply = {
  status: 500,
  headers: { "content-type": "text/plain; charset=utf-8" },
  body: internalError,
};

// The native request is gone when its handler returns.
function copyRequest(native: Uws.HttpRequest): HttpRequest {
  const headers = new Map<string, string>();
  native.forEach((name, value) => {
    headers.set(name, value);
  });
  return {
    method: native.getMethod().toUpperCase(),
    path: native.getUrl(),
    query: new URLSearchParams(native.getQuery()),
    header: (name) => headers.get(name) ?? "",
  };
}

function writeWhole(
  { response, left }: Client,
  method: string,
  reply: HttpReply,
  body: string | Uint8Array,
): void {
  // Touching the response of an aborted request ends the process.
  if (left) return;
  response.cork(() => {
    if (method === "HEAD") return endHead(response, reply, Buffer.byteLength(body));
    writeHead(response, reply);
    response.end(body);
  });
}
