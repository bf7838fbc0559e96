import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket as NetSocket } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import type { BodyPieces, HttpReply, HttpRequest } from "../../model/http.ts";
import { internalError, isPieces, type ReplySink, ReplyWriter, releaseBody } from "../reply-writer.ts";
import type { Socket, Transport, TransportOptions, UpgradeRequest } from "../transport.ts";

/** HTTP and WebSocket over node:http and the `ws` package: runs wherever Node.js runs. */
export async function startWs(options: TransportOptions): Promise<Transport> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
      logFailure(options, pathOf(request.url), error);
      failed(response);
    });
  });
  const chosen = new WeakMap<IncomingMessage, Socket["subprotocol"]>();
  const endpoints = new Map(
    Object.entries(options.endpoints).map(([path, maxPayload]) => {
      const handleProtocols = (_offered: unknown, request: IncomingMessage) => chosen.get(request) ?? false;
      const settings = { noServer: true, maxPayload, perMessageDeflate: false, handleProtocols };
      return [path, new WebSocketServer(settings)];
    }),
  );
  server.on("upgrade", (request, stream, head) => {
    const upgrade = upgradeRequest(request);
    const admission = options.admit(upgrade);
    if (!admission.ok) return refuse(stream, admission.status, admission.message);
    chosen.set(request, admission.subprotocol);
    endpoints.get(upgrade.path)?.handleUpgrade(request, stream, head, (ws) => {
      attach(options, ws, stream, admission.subprotocol);
    });
  });
  server.on("clientError", (_error, stream) => stream.destroy());
  await listen(server, options);
  return {
    name: "ws",
    port: (server.address() as AddressInfo).port,
    close: () => close(server, endpoints.values()),
  };
}

/** After a restart all dashboards come back at once; who finds no place waits a second and more. The kernel's limit holds too. */
const acceptBacklog = 4_096;

function listen(server: Server, options: TransportOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: options.port, host: options.host, backlog: acceptBacklog }, () => {
      server.off("error", reject);
      server.on("error", (error) =>
        options.logger.error({ err: error }, "the HTTP server reported an error"),
      );
      resolve();
    });
  });
}

function close(server: Server, endpoints: Iterable<WebSocketServer>): Promise<void> {
  return new Promise((resolve) => {
    for (const { clients } of endpoints) for (const ws of clients) ws.terminate();
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function upgradeRequest(request: IncomingMessage): UpgradeRequest {
  return {
    path: pathOf(request.url),
    origin: request.headers.origin ?? "",
    host: request.headers.host ?? "",
    subprotocols: splitList(request.headers["sec-websocket-protocol"] ?? ""),
  };
}

/** Splits a comma-separated header value. */
export function splitList(value: string): string[] {
  return value
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function pathOf(url = "/"): string {
  return url.split("?", 1)[0] as string;
}

/** A handler failed, or what it began to send. */
export function logFailure({ logger }: TransportOptions, path: string, error: unknown): void {
  // The token of a link is as good as the link.
  const quoted = path.replace(/^\/share\/[^/]+/, "/share/…");
  logger.error({ err: error, path: quoted }, "an HTTP handler failed");
}

function failed(response: ServerResponse): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(500, { "content-type": "text/plain; charset=utf-8" }).end(internalError);
}

function refuse(stream: Duplex, status: number, message: string): void {
  // Who is refused may be gone already; without a listener its reset would end the process.
  stream.on("error", () => stream.destroy());
  const body = `${message}\n`;
  stream.end(
    `HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

function attach(
  options: TransportOptions,
  ws: WebSocket,
  stream: Duplex,
  subprotocol: Socket["subprotocol"],
): void {
  const remote = (stream as NetSocket).remoteAddress ?? "";
  const isOpen = () => ws.readyState === ws.OPEN;
  const socket: Socket = {
    subprotocol,
    remote,
    bufferedBytes: () => ws.bufferedAmount,
    send: (frame) => {
      if (!isOpen()) return;
      if (typeof frame === "string") ws.send(frame, { binary: false });
      else ws.send(ws.bufferedAmount > 0 ? ownCopy(frame) : frame, { binary: true });
    },
    ping: () => {
      if (isOpen()) ws.ping();
    },
    pause: () => ws.pause(),
    resume: () => ws.resume(),
    close: (code, reason) => ws.close(code, reason),
    terminate: () => ws.terminate(),
  };
  const handler = options.accept(socket);
  ws.on("message", (data: RawData, isBinary: boolean) => {
    // The `ws` package hands out one Buffer per message with its default binaryType.
    const bytes = data as Buffer;
    handler.onMessage(isBinary ? bytes : bytes.toString("utf8"));
  });
  ws.on("pong", () => handler.onPong());
  stream.on("drain", () => handler.onDrain());
  ws.on("error", (error) => options.logger.debug({ err: error, remote }, "a WebSocket failed"));
  ws.on("close", () => handler.onClose());
}

/** A frame that waits for the kernel would keep all the memory that it shares with others. */
function ownCopy(frame: Uint8Array): Uint8Array {
  return frame.length < frame.buffer.byteLength ? frame.slice() : frame;
}

async function answer(
  options: TransportOptions,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  incoming.resume();
  const url = incoming.url ?? "/";
  const queryAt = url.indexOf("?");
  const request: HttpRequest = {
    method: incoming.method ?? "GET",
    path: pathOf(url),
    query: new URLSearchParams(queryAt < 0 ? "" : url.slice(queryAt + 1)),
    header: (name) => String(incoming.headers[name] ?? ""),
  };
  const reply: HttpReply = await options.http(request);
  if (isPieces(reply.body)) return answerInPieces(options, request, response, reply, reply.body);
  const body = reply.body ?? "";
  response.writeHead(reply.status, { ...reply.headers, "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function answerInPieces(
  options: TransportOptions,
  request: HttpRequest,
  response: ServerResponse,
  { status, headers, maxStallMs }: HttpReply,
  body: BodyPieces,
): Promise<void> {
  const isHead = request.method === "HEAD";
  if (isHead) response.writeHead(status, headers).end();
  if (isHead || response.destroyed) return releaseBody(body);
  const sink: ReplySink = {
    write: (piece) => {
      if (!response.headersSent) response.writeHead(status, headers);
      return response.write(piece);
    },
    end: () => {
      if (!response.headersSent) response.writeHead(status, headers);
      response.end();
    },
    fail: () => failed(response),
    drop: () => response.destroy(),
  };
  const onError = (error: unknown) => logFailure(options, request.path, error);
  const writer = new ReplyWriter(body, sink, { maxStallMs, onError });
  response.on("drain", () => writer.onRoom());
  response.on("close", () => writer.onLeft());
  await writer.run();
}
