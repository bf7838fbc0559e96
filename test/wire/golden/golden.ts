import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../../src/log/contract.ts";
import { parseCursor } from "../../../src/model/cursor.ts";
import {
  encodeHeartbeat,
  encodeReadings,
  encodeShapes,
  encodeSnapshot,
  encodeSubscribed,
  encodeTopics,
  encodeView,
} from "../../../src/stream/encode.ts";
import type { SentRecord } from "../../../src/stream/selection.ts";
import { freeShape, type Shape, writeBody } from "../../../src/wire/body.ts";
import { encodeMsgpackRequest } from "../../../src/wire/encode-request.ts";
import { type Dictionary, encodeControl } from "../../../src/wire/frames.ts";
import type { ClientMessage, ServerMessage, WireReading } from "../../../src/wire/messages.ts";
import { MsgpackWriter } from "../../../src/wire/writer.ts";

/** One message and the bytes that it was once sent as. README.md beside this file says how they are kept. */
export interface Golden {
  /** Name of the file without `.json`. */
  readonly name: string;
  readonly description: string;
  readonly from: "server" | "client";
  /** Names of goldens that the same connection carried before: they announce the epoch, topics and shapes used here. */
  readonly after: readonly string[];
  /** The text frame, null where JSON has no such frame. */
  readonly json: string | null;
  /** The binary frame in hexadecimal. */
  readonly msgpack: string;
  /**
   * What the frame says, as `src/wire/messages.ts` types it; null for a frame that only teaches. In a publish, `{"hex":"…"}`
   * as payload stands for bytes.
   */
  readonly message: ServerMessage | ClientMessage | null;
  /** What a frame of topics announces. */
  readonly topics?: readonly (readonly [number, string])[];
  /** What a frame of shapes announces: number, names, decimals. */
  readonly shapes?: readonly (readonly [number, readonly string[], readonly number[]])[];
}

/** All golden files. */
export function readGoldens(): Golden[] {
  const folder = import.meta.dirname;
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => ({
      ...(JSON.parse(readFileSync(join(folder, file), "utf8")) as Omit<Golden, "name">),
      name: file.slice(0, -".json".length),
    }));
}

/** Those that today's encoder must make: of `gap`, `gap@2` and `gap@3` the last one. */
export function newestGoldens(goldens: readonly Golden[]): Golden[] {
  const newest = new Map<string, Golden>();
  for (const golden of goldens) {
    const { base } = versionOf(golden);
    const known = newest.get(base);
    if (!known || versionOf(known).version < versionOf(golden).version) newest.set(base, golden);
  }
  return [...newest.values()];
}

function versionOf({ name }: Golden): { base: string; version: number } {
  const [base = name, version = "1"] = name.split("@");
  return { base, version: Number(version) };
}

/** What a frame looks like in both subprotocols; the binary one in hexadecimal. */
export interface Frames {
  readonly json: string | null;
  readonly msgpack: string;
}

/** Makes a client's request as the SDK does. */
export function encodeRequest(golden: Golden): Frames {
  const { message } = golden;
  const payload = publishedBytes(golden);
  // JSON has no bytes.
  if (payload !== null) return { json: null, msgpack: hex(encodeMsgpackRequest({ ...message, payload })) };
  return { json: JSON.stringify(message), msgpack: hex(encodeMsgpackRequest(message ?? {})) };
}

/** The bytes that a publish carries, null if its payload is text or an object. */
export function publishedBytes({ message }: Golden): Uint8Array | null {
  if (message?.type !== "publish") return null;
  const { payload } = message;
  const isHex = typeof payload === "object" && "hex" in payload;
  return isHex ? Uint8Array.from(Buffer.from(payload.hex as string, "hex")) : null;
}

/**
 * Makes a server's frame with the encoders that the gateway uses.
 * @param dictionary what was announced before
 * @param log one with the epoch of the dictionary
 */
export function encodeFrame(golden: Golden, dictionary: Dictionary, log: Log): Frames {
  const { topics, shapes, message } = golden;
  if (topics) return { json: null, msgpack: hex(encodeTopics(topics.map(([id, name]) => ({ id, name })))) };
  if (shapes) {
    const taught = shapes.map(([id, names, decimals]) => ({ id, names, decimals }));
    return { json: null, msgpack: hex(encodeShapes(taught)) };
  }
  if (message === null) throw new Error(`${golden.name}: say what it announces, or its message`);
  const serverMessage = message as ServerMessage;
  return {
    json: encodeMessage(serverMessage, dictionary, log, false) as string,
    msgpack: hex(encodeMessage(serverMessage, dictionary, log, true) as Uint8Array),
  };
}

function encodeMessage(
  message: ServerMessage,
  dictionary: Dictionary,
  log: Log,
  binary: boolean,
): Uint8Array | string {
  const records = (readings: readonly WireReading[]) =>
    readings.map((reading) => recordOf(reading, dictionary, message.type === "readings"));
  switch (message.type) {
    case "readings": {
      const { id, cursor, readings } = message;
      return encodeReadings(log, id, seqOf(cursor), records(readings), binary);
    }
    case "subscribed": {
      const { id, cursor, time = null, snapshot, more = false } = message;
      const seq = seqOf(cursor);
      if (!snapshot) return encodeSubscribed(log, id, seq, binary);
      return encodeSnapshot(log, { id, seq, time, entries: records(snapshot), more }, binary);
    }
    case "snapshot": {
      const { id, snapshot, more = false } = message;
      return encodeSnapshot(log, { id, seq: null, time: null, entries: records(snapshot), more }, binary);
    }
    case "view": {
      const { id, entered, left, reset = false } = message;
      const gone = left.map((name) => ({ id: topicId(name, dictionary), name }));
      return encodeView({ id, entered: records(entered), left: gone, reset }, binary);
    }
    case "heartbeat":
      return encodeHeartbeat(log, message.cursor === undefined ? null : seqOf(message.cursor), binary);
    default:
      return encodeControl(message, binary);
  }
}

const writer = new MsgpackWriter();

// As the log makes a committed reading, or as a view makes one that carries its names.
function recordOf(reading: WireReading, dictionary: Dictionary, mayHaveShape: boolean): SentRecord {
  const { seq, time, values, times, attrs = null } = reading;
  const topic = { id: topicId(reading.topic, dictionary), name: reading.topic };
  const names = Object.keys(values);
  const shape = mayHaveShape && !times ? shapeOf(names, dictionary) : freeShape;
  const ages = times && names.map((name) => time - (times[name] ?? time));
  writeBody(writer, seq, topic.id, shape, time, values, ages, attrs);
  const record = { seq, topic, time, values, attrs, shapeId: shape.id, body: writer.take() };
  return times ? { ...record, times } : record;
}

function shapeOf(names: readonly string[], dictionary: Dictionary): Shape {
  const same = (shape: Shape) => shape.names.join("\n") === names.join("\n");
  return [...dictionary.shapes.values()].find(same) ?? freeShape;
}

function topicId(name: string, dictionary: Dictionary): number {
  for (const [id, known] of dictionary.topics) if (known === name) return id;
  throw new Error(`the topic ${name} is not announced by the goldens named in \`after\``);
}

function seqOf(cursor: string): number {
  const parsed = parseCursor(cursor);
  if (!parsed) throw new Error(`${cursor} is not a cursor`);
  return parsed.seq;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
