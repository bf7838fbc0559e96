import { encode } from "@msgpack/msgpack";
import type { Latest, Log, LogRecord } from "../log/contract.ts";
import { formatCursor } from "../model/cursor.ts";
import { freeShape, type Shape, writeBody } from "../wire/body.ts";
import { encodeControl, frameKinds, readingJson } from "../wire/frames.ts";
import type { ServerMessage, WireReading } from "../wire/messages.ts";
import { MsgpackWriter } from "../wire/writer.ts";

// One text per record, made when the first JSON subscriber needs it and shared by all of them.
const jsonTexts = new WeakMap<LogRecord, string>();

/** A `readings` frame: a header, then the records' bodies exactly as they are stored. */
export function encodeReadings(
  log: Log,
  id: number,
  through: number,
  records: readonly LogRecord[],
  binary: boolean,
): Uint8Array | string {
  if (binary) return encodeBinaryReadings(id, through, records);
  const cursor = formatCursor({ epoch: log.epoch, seq: through });
  return `{"type":"readings","id":${id},"cursor":"${cursor}","readings":[${records.map(recordJson).join()}]}`;
}

const headerWriter = new MsgpackWriter(64);

function encodeBinaryReadings(id: number, through: number, records: readonly LogRecord[]): Uint8Array {
  headerWriter.arrayHeader(3);
  headerWriter.number(frameKinds.readings);
  headerWriter.number(id);
  headerWriter.number(through);
  const header = headerWriter.take();
  let bytes = header.length;
  for (const record of records) bytes += record.body.length;
  const frame = new Uint8Array(bytes);
  frame.set(header);
  let at = header.length;
  for (const { body } of records) {
    frame.set(body, at);
    at += body.length;
  }
  return frame;
}

function recordJson(record: LogRecord): string {
  let text = jsonTexts.get(record);
  if (text === undefined) {
    const { seq, topic, time, values } = record;
    text = readingJson({ seq, topic: topic.name, time, values });
    jsonTexts.set(record, text);
  }
  return text;
}

/** A `subscribed` frame, with a snapshot if there is one. The topics of a binary one are announced first. */
export function encodeSubscribed(
  log: Log,
  id: number,
  seq: number,
  snapshot: readonly Latest[] | null,
  binary: boolean,
): Uint8Array | string {
  const cursor = formatCursor({ epoch: log.epoch, seq });
  const header = { type: "subscribed", id, cursor } as const;
  if (snapshot === null) return encodeControl(header, binary);
  if (!binary) {
    const readings = snapshot.map((latest) => readingJson(snapshotReading(latest)));
    return `${JSON.stringify(header).slice(0, -1)},"snapshot":[${readings.join()}]}`;
  }
  const writer = new MsgpackWriter(256 + snapshot.length * 64);
  writer.raw(encode({ ...header, snapshot: snapshot.length }));
  for (const latest of snapshot) {
    const { time, values, times } = latest;
    const ages = times && Object.keys(values).map((name) => time - (times[name] ?? time));
    // Merged values rarely have the shape of any one reading, so they carry their names.
    writeBody(writer, latest.seq, latest.topic.id, freeShape, time, values, ages ?? undefined);
  }
  return writer.take();
}

function snapshotReading({ seq, topic, time, values, times }: Latest): WireReading {
  const reading = { seq, topic: topic.name, time, values };
  return times ? { ...reading, times } : reading;
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
  headerWriter.arrayHeader(seq === null ? 1 : 2);
  headerWriter.number(frameKinds.heartbeat);
  if (seq !== null) headerWriter.number(seq);
  return headerWriter.take();
}
