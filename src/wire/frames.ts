import { encode } from "@msgpack/msgpack";
import { formatCursor } from "../model/cursor.ts";
import { isoTime, isoTimes } from "../model/reading.ts";
import { type Body, bodyExtras, bodyValues, freeShape, type Shape, splitBody } from "./body.ts";
import { decodeItems } from "./decode-items.ts";
import type { ServerMessage, WireReading } from "./messages.ts";

/**
 * A binary frame is one MessagePack header and then bodies laid end to end. A map as header is a control message (the
 * same as in JSON); an array is one of these, its first item the kind.
 */
export const frameKinds = {
  /** `[0, id, seq]`, then readings' bodies; `seq` is the cursor's position after them. */
  readings: 0,
  /** `[1]`, then `[topic number, name]` for each newly used topic. */
  topics: 1,
  /** `[2]`, then `[shape number, [name…], [decimals…]]` for each newly used shape. */
  shapes: 2,
  /** `[3]` or `[3, seq]`. */
  heartbeat: 3,
} as const;

/** What a client has been told on this connection: the epoch, and what numbers stand for. */
export class Dictionary {
  epoch = "";
  readonly topics = new Map<number, string>();
  readonly shapes = new Map<number, Shape>([[freeShape.id, freeShape]]);

  /** Forgets everything; for a new connection. */
  clear(): void {
    this.epoch = "";
    this.topics.clear();
    this.shapes.clear();
    this.shapes.set(freeShape.id, freeShape);
  }
}

/** The frame for a message that carries no bodies, for either subprotocol. */
export function encodeControl(message: ServerMessage, binary: boolean): Uint8Array | string {
  if (binary) return encode(message, { ignoreUndefined: true });
  const isTimed = "time" in message && message.time !== undefined;
  return JSON.stringify(isTimed ? { ...message, time: isoTime(message.time) } : message);
}

/** One reading as it stands in a JSON frame. */
export function readingJson(reading: WireReading): string {
  const { seq, topic, time, values, times, attrs } = reading;
  const line = { seq, topic, time: isoTime(time), values };
  // JSON leaves out what is undefined.
  return JSON.stringify(times || attrs ? { ...line, times: times && isoTimes(times), attrs } : line);
}

/**
 * Reads a frame of the MessagePack subprotocol; learns topics and shapes into `dictionary`. Returns null for frames that
 * only teach.
 * @throws Error if the bytes are not a frame, or use numbers that were never announced
 */
export function decodeBinaryFrame(bytes: Uint8Array, dictionary: Dictionary): ServerMessage | null {
  const items = decodeItems(bytes);
  const first = items.next();
  if (first.done) throw new Error("an empty frame");
  const header: unknown = first.value;
  if (!Array.isArray(header)) return decodeControl(header, items, dictionary);
  const [kind, ...rest] = header as number[];
  switch (kind) {
    case frameKinds.readings: {
      const cursor = formatCursor({ epoch: dictionary.epoch, seq: rest[1] as number });
      return { type: "readings", id: rest[0] as number, cursor, readings: readBodies(items, dictionary) };
    }
    case frameKinds.topics:
      for (const item of items) {
        const [id, name] = item as [number, string];
        dictionary.topics.set(id, name);
      }
      return null;
    case frameKinds.shapes:
      for (const item of items) {
        const [id, names, decimals] = item as [number, string[], number[]];
        dictionary.shapes.set(id, { id, names, decimals });
      }
      return null;
    case frameKinds.heartbeat: {
      const seq = rest[0];
      if (seq === undefined) return { type: "heartbeat" };
      return { type: "heartbeat", cursor: formatCursor({ epoch: dictionary.epoch, seq }) };
    }
    default:
      // A newer server may send kinds this client does not know.
      return null;
  }
}

/** Reads a frame of the JSON subprotocol. @throws Error if it is not one */
export function decodeJsonFrame(text: string): ServerMessage {
  const parsed = JSON.parse(text) as JsonMessage;
  if (typeof parsed !== "object" || parsed === null || typeof parsed.type !== "string") {
    throw new Error("not a message: expected an object with a `type`");
  }
  const message = parsed.time === undefined ? parsed : { ...parsed, time: Date.parse(parsed.time) };
  if (message.readings) return { ...message, readings: message.readings.map(fromJson) } as ServerMessage;
  if (message.snapshot) return { ...message, snapshot: message.snapshot.map(fromJson) } as ServerMessage;
  if (message.entered)
    return { ...message, entered: message.entered.map(fromJson) } as unknown as ServerMessage;
  return message as unknown as ServerMessage;
}

interface JsonReading extends Omit<WireReading, "time" | "times"> {
  readonly time: string;
  readonly times?: Readonly<Record<string, string>>;
}

interface JsonMessage {
  readonly type: string;
  readonly time?: string;
  readonly readings?: readonly JsonReading[];
  readonly snapshot?: readonly JsonReading[];
  readonly entered?: readonly JsonReading[];
}

function fromJson(reading: JsonReading): WireReading {
  const { times, ...rest } = reading;
  const time = Date.parse(reading.time);
  if (!times) return { ...rest, time };
  const parsed = Object.entries(times).map(([name, text]) => [name, Date.parse(text)]);
  return { ...rest, time, times: Object.fromEntries(parsed) };
}

function decodeControl(header: unknown, items: Iterable<unknown>, dictionary: Dictionary): ServerMessage {
  if (typeof header !== "object" || header === null)
    throw new Error("a frame must begin with a map or an array");
  const message = header as ServerMessage;
  if (message.type === "welcome") dictionary.epoch = message.epoch;
  // In binary these are only the number of bodies that follow.
  if ((message.type === "subscribed" || message.type === "snapshot") && message.snapshot !== undefined) {
    return { ...message, snapshot: readBodies(items, dictionary) };
  }
  if (message.type === "view") return { ...message, entered: readBodies(items, dictionary) };
  return message;
}

function readBodies(items: Iterable<unknown>, dictionary: Dictionary): WireReading[] {
  const readings: WireReading[] = [];
  for (const item of items) {
    const body = splitBody(item);
    if (!body) throw new Error("a body must be an array of seq, topic, shape, time and values");
    readings.push(wireReading(body, dictionary));
  }
  return readings;
}

function wireReading(body: Body, dictionary: Dictionary): WireReading {
  const topic = dictionary.topics.get(body.topicId);
  const shape = dictionary.shapes.get(body.shapeId);
  if (topic === undefined || !shape) {
    throw new Error(`topic ${body.topicId} or shape ${body.shapeId} was never announced`);
  }
  const values = bodyValues(shape, body.rest);
  const reading = { seq: body.seq, topic, time: body.time, values };
  const { ages, attrs } = bodyExtras(shape, body.rest);
  if (!ages && !attrs) return reading;
  return {
    ...reading,
    ...(ages && { times: timesOf(Object.keys(values), ages, body.time) }),
    ...(attrs && { attrs }),
  };
}

/** Ages are milliseconds before the body's time, in the values' order; 0 for the newest. */
function timesOf(names: readonly string[], ages: readonly number[], time: number): Record<string, number> {
  const times: Record<string, number> = {};
  for (const [index, name] of names.entries()) {
    const age = ages[index] ?? 0;
    if (age > 0) times[name] = time - age;
  }
  return times;
}
