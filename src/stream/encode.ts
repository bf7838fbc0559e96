import { encode } from "@msgpack/msgpack";
import type { Log, Topic } from "../log/contract.ts";
import { formatCursor } from "../model/cursor.ts";
import { isoTime } from "../model/reading.ts";
import type { Shape } from "../wire/body.ts";
import { encodeControl, frameKinds, readingJson } from "../wire/frames.ts";
import type { ServerMessage } from "../wire/messages.ts";
import { MsgpackWriter } from "../wire/writer.ts";
import type { SentRecord } from "./selection.ts";

// One text per record, made when the first JSON subscriber needs it and shared by all of them.
const jsonTexts = new WeakMap<SentRecord, string>();

/** A `readings` frame: a header, then the records' bodies exactly as they are stored. */
export function encodeReadings(
  log: Log,
  id: number,
  through: number,
  records: readonly SentRecord[],
  binary: boolean,
): Uint8Array | string {
  if (binary) return encodeBinaryReadings(id, through, records);
  const cursor = formatCursor({ epoch: log.epoch, seq: through });
  return `{"type":"readings","id":${id},"cursor":"${cursor}","readings":[${records.map(recordJson).join()}]}`;
}

/** Small frames share memory in pieces of this size. */
const pieceBytes = 64 * 1024;
/** Larger ones have memory of their own. */
const maxSharedBytes = 4 * 1024;

const smallFrames = new MsgpackWriter(pieceBytes);

function encodeBinaryReadings(id: number, through: number, records: readonly SentRecord[]): Uint8Array {
  // What is left of a frame that failed.
  smallFrames.drop();
  smallFrames.arrayHeader(3);
  smallFrames.number(frameKinds.readings);
  smallFrames.number(id);
  smallFrames.number(through);
  let bytes = 0;
  for (const { body } of records) bytes += body.length;
  if (bytes > maxSharedBytes) return joinBodies(smallFrames.take(), records);
  for (const { body } of records) smallFrames.raw(body);
  return smallFrames.cut();
}

function joinBodies(header: Uint8Array, records: readonly SentRecord[]): Uint8Array {
  let bytes = header.length;
  for (const { body } of records) bytes += body.length;
  const frame = new Uint8Array(bytes);
  frame.set(header);
  let at = header.length;
  for (const { body } of records) {
    frame.set(body, at);
    at += body.length;
  }
  return frame;
}

function recordJson(record: SentRecord): string {
  let text = jsonTexts.get(record);
  if (text === undefined) {
    const { seq, topic, time, values, times, attrs } = record;
    const reading = { seq, topic: topic.name, time, values, ...(attrs && { attrs }) };
    text = readingJson(times ? { ...reading, times } : reading);
    jsonTexts.set(record, text);
  }
  return text;
}

/** A `subscribed` frame without a snapshot. */
export function encodeSubscribed(log: Log, id: number, seq: number, binary: boolean): Uint8Array | string {
  const cursor = formatCursor({ epoch: log.epoch, seq });
  return encodeControl({ type: "subscribed", id, cursor }, binary);
}

/** A part of a snapshot: the first one is the `subscribed` frame with its cursor, the others are `snapshot` frames. */
export interface SnapshotPart {
  readonly id: number;
  /** The cursor's position, null except in the first part. */
  readonly seq: number | null;
  /** The instant that it shows, null for the present; in the first part only. */
  readonly time: number | null;
  readonly entries: readonly SentRecord[];
  readonly more: boolean;
}

/** A part of a snapshot. The topics of a binary one are announced first. */
export function encodeSnapshot(
  log: Log,
  { id, seq, time, entries, more }: SnapshotPart,
  binary: boolean,
): Uint8Array | string {
  const header =
    seq === null
      ? { type: "snapshot", id }
      : {
          type: "subscribed",
          id,
          cursor: formatCursor({ epoch: log.epoch, seq }),
          ...(time !== null && { time: binary ? time : isoTime(time) }),
        };
  return withReadings(more ? { ...header, more } : header, "snapshot", entries, binary);
}

/** What came into a view's box and what left it. */
export interface ViewNews {
  readonly id: number;
  readonly entered: readonly SentRecord[];
  readonly left: readonly Topic[];
  /** What is not in `entered` is not in view, whatever the client was told before. */
  readonly reset?: boolean;
}

/** A `view` frame. The topics of a binary one are announced first. */
export function encodeView({ id, entered, left, reset }: ViewNews, binary: boolean): Uint8Array | string {
  const header = { type: "view", id, left: left.map(({ name }) => name) };
  return withReadings(reset ? { ...header, reset } : header, "entered", entered, binary);
}

/** In JSON the readings stand in the message; in binary their number does, and the bodies follow. */
function withReadings(
  header: Readonly<Record<string, unknown>>,
  key: string,
  readings: readonly SentRecord[],
  binary: boolean,
): Uint8Array | string {
  if (binary) return joinBodies(encode({ ...header, [key]: readings.length }), readings);
  return `${JSON.stringify(header).slice(0, -1)},"${key}":[${readings.map(recordJson).join()}]}`;
}

/** What a topic's number stands for, for clients that have not been told. */
export function encodeTopics(topics: readonly { readonly id: number; readonly name: string }[]): Uint8Array {
  const writer = new MsgpackWriter(64 + topics.length * 40);
  writer.arrayHeader(1);
  writer.number(frameKinds.topics);
  for (const { id, name } of topics) {
    writer.arrayHeader(2);
    writer.number(id);
    writer.text(name);
  }
  return writer.take();
}

/** What a shape's number stands for. */
export function encodeShapes(shapes: readonly Shape[]): Uint8Array {
  const writer = new MsgpackWriter(64 + shapes.length * 100);
  writer.arrayHeader(1);
  writer.number(frameKinds.shapes);
  for (const { id, names, decimals } of shapes) {
    writer.arrayHeader(3);
    writer.number(id);
    writer.value(names);
    writer.value(decimals);
  }
  return writer.take();
}

/** A heartbeat; with `seq` when the connection has been sent everything up to there. */
export function encodeHeartbeat(log: Log, seq: number | null, binary: boolean): Uint8Array | string {
  if (!binary) {
    const message: ServerMessage =
      seq === null
        ? { type: "heartbeat" }
        : { type: "heartbeat", cursor: formatCursor({ epoch: log.epoch, seq }) };
    return JSON.stringify(message);
  }
  smallFrames.arrayHeader(seq === null ? 1 : 2);
  smallFrames.number(frameKinds.heartbeat);
  if (seq !== null) smallFrames.number(seq);
  return smallFrames.cut();
}
