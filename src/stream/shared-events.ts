import { parseCursor } from "../model/cursor.ts";
import type { BodyPieces, HttpHandler, HttpReply, HttpRequest } from "../model/http.ts";
import { EventSocket } from "./event-socket.ts";
import { type EventsDependencies, eventHeaders, openEvents, problem, retryMs } from "./events.ts";
import { eventsId } from "./events-query.ts";
import type { Socket } from "./transport.ts";

/** A topic that somebody may follow for a while with nothing but a link. */
export interface SharedTopic {
  readonly topic: string;
  /** What was observed before is not shown, epoch milliseconds. */
  readonly from: number;
  /** The values that are shown. */
  readonly fields: readonly string[];
  isValid(): boolean;
}

/** What the link with this token shows, or why it shows nothing. */
export type FindShared = (
  token: string,
) => SharedTopic | { readonly status: number; readonly message: string };

/** How soon the followers of a link are cut off when it ends, though nothing comes. Milliseconds. */
const checkMs = 500;
/** Followers of all links at once; more are refused. */
const maxFollowers = 1_000;

const pathPattern = /^\/share\/([\w-]{16,64})\/events$/;
const privateHeaders = { "x-robots-tag": "noindex, nofollow, noarchive", "referrer-policy": "no-referrer" };

/** The token in the path of a shared event stream, null for any other path. */
export function sharedToken(path: string): string | null {
  return pathPattern.exec(path)?.[1] ?? null;
}

export interface SharedEvents {
  readonly handle: HttpHandler;
  close(): void;
}

/** Serves what links show as Server-Sent Events: one topic, from the link's beginning, until its end. */
export function createSharedEvents(
  find: FindShared,
  { refusal, accept }: Pick<EventsDependencies, "refusal" | "accept">,
): SharedEvents {
  const followers = new Set<Follower>();
  const timer = setInterval(() => {
    for (const follower of followers) follower.check();
  }, checkMs);
  timer.unref();
  let count = 0;
  const handle = async (request: HttpRequest): Promise<HttpReply> => {
    const refused = refusal(request);
    if (refused) return problem(refused.status, refused.message, privateHeaders);
    if (request.method !== "GET") return problem(405, "use GET", { ...privateHeaders, allow: "GET" });
    const shared = find(sharedToken(request.path) ?? "");
    if ("status" in shared) return problem(shared.status, shared.message, privateHeaders);
    if (followers.size >= maxFollowers)
      return problem(503, "too many follow links; try again", privateHeaders);
    const socket = new EventSocket(retryMs(count++));
    const follower = new Follower(shared, socket);
    const opened = await openEvents(socket, accept(follower), subscribeRequest(shared, request));
    if (opened !== null) return problem(opened.status, opened.message, privateHeaders);
    followers.add(follower);
    const body = telling(socket, () => followers.delete(follower));
    return { status: 200, headers: { ...eventHeaders, ...privateHeaders }, body };
  };
  return { handle, close: () => clearInterval(timer) };
}

function subscribeRequest({ topic, from, fields }: SharedTopic, request: HttpRequest): object {
  const cursor = request.header("last-event-id");
  const start = parseCursor(cursor) ? { cursor } : { time: from };
  return { type: "subscribe", id: eventsId, filter: topic, from: start, fields };
}

/** Readings as they stand in frames, as far as they are looked at here. */
interface FrameReading {
  readonly topic: string;
  readonly time: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly times?: Readonly<Record<string, string>>;
  readonly attrs?: unknown;
}

/**
 * The socket of a session that may show one topic only. A snapshot, or a resume from an early cursor, tells of times before the
 * link's beginning, so every frame is looked through on its way out.
 */
class Follower implements Socket {
  readonly subprotocol = "fieldcast.v1.json";
  readonly remote = "";
  readonly #shared: SharedTopic;
  readonly #socket: EventSocket;

  constructor(shared: SharedTopic, socket: EventSocket) {
    this.#shared = shared;
    this.#socket = socket;
  }

  isValid(): boolean {
    return this.#shared.isValid();
  }

  /** Says goodbye when the link has ended. */
  check(): void {
    if (!this.isValid()) this.#socket.endWith("ended");
  }

  send(frame: Uint8Array | string): void {
    if (typeof frame !== "string") return;
    if (this.isValid()) this.#socket.send(this.#shown(frame));
    else this.check();
  }

  bufferedBytes(): number {
    return this.#socket.bufferedBytes();
  }

  ping(): void {
    this.#socket.ping();
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #shown(frame: string): string {
    const message = JSON.parse(frame) as Record<string, unknown>;
    for (const list of ["snapshot", "readings", "entered"]) {
      const readings = message[list];
      if (Array.isArray(readings)) {
        message[list] = (readings as FrameReading[]).flatMap((reading) => this.#reading(reading));
      }
    }
    return JSON.stringify(message);
  }

  #reading({ attrs: _, ...reading }: FrameReading): FrameReading[] {
    const { topic, from } = this.#shared;
    const isOld = (time: string) => Date.parse(time) < from;
    if (reading.topic !== topic || isOld(reading.time)) return [];
    const { times = {} } = reading;
    const values = Object.entries(reading.values).filter(([name]) => !isOld(times[name] ?? reading.time));
    return values.length === 0 ? [] : [{ ...reading, values: Object.fromEntries(values) }];
  }
}

/** The events, and a word when they are over. */
function telling(socket: EventSocket, onOver: () => void): BodyPieces {
  return {
    [Symbol.asyncIterator]: () => {
      const pieces = socket[Symbol.asyncIterator]();
      return {
        next: async () => {
          const piece = await pieces.next();
          if (piece.done) onOver();
          return piece;
        },
        return: async () => {
          onOver();
          await pieces.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
