import { type StreamErrorCode, streamErrors } from "../model/errors.ts";
import type { HttpHandler, HttpReply, HttpRequest } from "../model/http.ts";
import { EventSocket, type EventsRefusal } from "./event-socket.ts";
import { readEventsQuery } from "./events-query.ts";
import type { Socket, SocketHandler } from "./transport.ts";

export const eventsPath = "/api/v1/events";

export interface EventsDependencies {
  /** Why this client may not connect now, null if it may. */
  refusal(request: HttpRequest): { readonly status: number; readonly message: string } | null;
  accept(socket: Socket): SocketHandler;
}

/** Serves subscriptions as Server-Sent Events, for `curl` and `EventSource`: one connection is one subscription. */
export function createEventsHandler({ refusal, accept }: EventsDependencies): HttpHandler {
  let count = 0;
  return async (request) => {
    const refused = refusal(request);
    if (refused) return problem(refused.status, refused.message, {});
    const headers = corsHeaders(request);
    if (request.method === "OPTIONS") return preflight(headers);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return problem(405, `${request.method} is not served here; use GET`, {
        ...headers,
        allow: "GET, HEAD, OPTIONS",
      });
    }
    const subscribe = readEventsQuery(request.query, request.header("last-event-id"));
    if (typeof subscribe === "string") return problem(400, subscribe, headers);
    const reply = { status: 200, headers: { ...headers, ...eventHeaders } };
    if (request.method === "HEAD") return reply;
    const socket = new EventSocket(retryMs(count++));
    const error = await openEvents(socket, accept(socket), subscribe);
    if (error === null) return { ...reply, body: socket };
    return problem(error.status, describe(error, request.query), headers);
  };
}

/** Subscribes; returns why nothing came of it, null if the socket is the body of a reply now. */
export async function openEvents(
  socket: EventSocket,
  handler: SocketHandler,
  subscribe: object,
): Promise<(EventsRefusal & { readonly status: number }) | null> {
  socket.open(handler);
  handler.onMessage(JSON.stringify(subscribe));
  // Waiting for the answer makes of every error a status, which an EventSource does not try again and again.
  const error = await socket.answer;
  if (error === null) return null;
  await socket[Symbol.asyncIterator]().return?.();
  return { ...error, status: statusOf(error.code) };
}

export const eventHeaders = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  // nginx would keep the events until it has a buffer full of them.
  "x-accel-buffering": "no",
} as const;

/** How long a client waits before it comes back: spread over two seconds, so that they do not all come at once. */
export function retryMs(count: number): number {
  return 1_000 + (count % 16) * 125;
}

function corsHeaders(request: HttpRequest): Record<string, string> {
  const origin = request.header("origin");
  return origin === "" ? {} : { "access-control-allow-origin": origin, vary: "origin" };
}

// An EventSource asks for no permission; programs that read events with `fetch` and set the header themselves do.
function preflight(headers: Readonly<Record<string, string>>): HttpReply {
  return {
    status: 204,
    headers: {
      ...headers,
      "access-control-allow-methods": "GET",
      "access-control-allow-headers": "last-event-id, authorization, cache-control",
      "access-control-max-age": "86400",
    },
  };
}

function statusOf(code: StreamErrorCode): number {
  if (code === "unauthorized") return 401;
  return streamErrors[code].again ? 503 : 400;
}

/** Names the parameter; errors about options do so themselves. */
function describe({ code, message }: EventsRefusal, query: URLSearchParams): string {
  if (code === "bad-filter") return `parameter filter: ${message}`;
  return code === "bad-from" ? `parameter ${query.has("last") ? "last" : "from"}: ${message}` : message;
}

export function problem(status: number, error: string, headers: Readonly<Record<string, string>>): HttpReply {
  const retry = status === 503 ? { "retry-after": "5" } : {};
  return {
    status,
    headers: {
      ...headers,
      ...retry,
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
    },
    body: `${JSON.stringify({ error })}\n`,
  };
}
