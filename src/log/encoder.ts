import { domains, isTime, type Reading, type Value, type Values } from "../model/reading.ts";
import { topicOf } from "../model/topic.ts";
import { freeShape, type Shape, writeBody } from "../wire/body.ts";
import { MsgpackWriter } from "../wire/writer.ts";
import { UnstorableReading } from "./contract.ts";
import type { RecentReadings } from "./recent.ts";
import { StoredRecord } from "./record.ts";
import type { ShapeTable } from "./shapes.ts";
import type { TopicEntry, TopicTable } from "./topics.ts";

/** Most values in a reading, and most entries in a map inside one; the decoders of clients have a limit as well. */
const maxFields = 1_024;
/** How deep arrays and objects in a value may nest. */
const maxDepth = 16;

/** Bodies share memory in pieces of this size. */
const pieceBytes = 64 * 1024;

const noRecords: readonly StoredRecord[] = [];

/** First levels of what is sent again when nobody acknowledged it. */
const sentAgain: ReadonlySet<string> = new Set(domains);

/** Turns readings into records: topic, shape and the one encoding. */
export class RecordEncoder {
  readonly #topics: TopicTable;
  readonly #shapes: ShapeTable;
  readonly #maxReadingBytes: number;
  readonly #writer: MsgpackWriter;

  constructor(topics: TopicTable, shapes: ShapeTable, maxReadingBytes: number) {
    this.#topics = topics;
    this.#shapes = shapes;
    this.#maxReadingBytes = maxReadingBytes;
    this.#writer = new MsgpackWriter(pieceBytes);
  }

  /**
   * Records with seqs from `firstSeq` on, without those of devices that `recent` knows. Its `settle` must be called before the next.
   * @throws TooManyTopics, UnstorableReading; no seq has been used then
   */
  encode(
    readings: readonly Reading[],
    firstSeq: number,
    oldest: number,
    recent: RecentReadings,
  ): readonly StoredRecord[] {
    let records: StoredRecord[] | null = null;
    try {
      for (let index = 0; index < readings.length; index++) {
        const reading = readings[index] as Reading;
        const entry = this.#topics.resolve(topicOf(reading), firstSeq + index, oldest, reading.channel);
        const record = this.#record(firstSeq + (records?.length ?? 0), entry, reading);
        // What the gateway makes comes once, and may be so, then corrected, then so after all; packets may be unreadable alike.
        if (sentAgain.has(reading.domain) && recent.isRepeated(record.body)) {
          this.#writer.uncut(record.body);
          continue;
        }
        // Most appends are of one reading, and an array that grows takes room for many.
        if (records === null) records = [record];
        else records.push(record);
      }
    } finally {
      // Of one that could not be encoded nothing is left there.
      this.#writer.drop();
    }
    return records ?? noRecords;
  }

  /** Takes back the memory of records that were encoded last and are not stored. */
  giveBack([first]: readonly StoredRecord[]): void {
    if (first !== undefined) this.#writer.uncut(first.body);
  }

  /** The same record at another seq. */
  moved(record: StoredRecord, seq: number): StoredRecord {
    const { topic, shape, time, values, attrs } = record;
    writeBody(this.#writer, seq, topic.id, shape, time, values, null, attrs);
    return new StoredRecord(seq, topic, shape, time, values, this.#writer.cut(), attrs);
  }

  #record(seq: number, entry: TopicEntry, reading: Reading): StoredRecord {
    const { time, values } = reading;
    const { topic } = entry;
    if (!isTime(time))
      throw new UnstorableReading(`${topic.name}: the time ${time} is not epoch milliseconds`);
    const shape = this.#shapeOf(entry, values);
    const attrs = attrsOf(topic.name, reading);
    try {
      writeBody(this.#writer, seq, topic.id, shape, time, values, null, attrs);
    } catch (error) {
      throw new UnstorableReading(`${topic.name}: a value cannot be encoded: ${String(error)}`);
    }
    const bytes = this.#writer.size;
    if (bytes > this.#maxReadingBytes) {
      throw new UnstorableReading(
        `${topic.name}: the reading has ${bytes} bytes, more than maxReadingBytes (${this.#maxReadingBytes})`,
      );
    }
    return new StoredRecord(seq, topic, shape, time, values, this.#writer.cut(), attrs);
  }

  #shapeOf(entry: TopicEntry, values: Values): Shape {
    let shape = entry.shape;
    if (!shape || !hasNames(values, shape.names)) {
      const names = Object.keys(values);
      const problem = namesProblem(names);
      if (problem) throw new UnstorableReading(`${entry.topic.name}: ${problem}`);
      shape = this.#shapes.resolve(names);
      entry.shape = shape.id === 0 ? null : shape;
    }
    let index = -1;
    for (const name in values) {
      index++;
      const value = values[name] as Value;
      if (typeof value !== "object" || value === null) continue;
      const problem = nestedProblem(value, maxDepth);
      if (problem) throw new UnstorableReading(`${entry.topic.name}, ${name}: ${problem}`);
      // Under a scaled name a body's array of one means "not scaled" (wire/body.ts), so it cannot be a value there.
      if (shape.decimals[index] !== 0) return freeShape;
    }
    return shape;
  }
}

/** Null if there are none, so that they cost nothing. @throws UnstorableReading if they could not be decoded again */
function attrsOf(topic: string, { attrs }: Reading): Values | null {
  if (attrs === undefined || Object.keys(attrs).length === 0) return null;
  const problem = nestedProblem(attrs, maxDepth);
  if (problem) throw new UnstorableReading(`${topic}, attrs: ${problem}`);
  return attrs;
}

/** Whether these are the names of `values`, in this order. Says so without a list of them, which nearly each reading would need. */
function hasNames(values: Values, names: readonly string[]): boolean {
  let count = 0;
  for (const name in values) if (names[count++] !== name) return false;
  return count === names.length;
}

function namesProblem(names: readonly string[]): string | null {
  if (names.length > maxFields) return `${names.length} values, more than ${maxFields}`;
  return names.includes("__proto__") ? "`__proto__` is not a name for a value" : null;
}

/** Says why a nested value could not be decoded again, null if it can. */
function nestedProblem(value: Value, depthLeft: number): string | null {
  if (typeof value !== "object" || value === null) return null;
  if (depthLeft === 0) return `nested deeper than ${maxDepth} levels`;
  if (!Array.isArray(value)) {
    const problem = namesProblem(Object.keys(value));
    if (problem) return problem;
  }
  for (const inner of Object.values(value)) {
    const problem = nestedProblem(inner as Value, depthLeft - 1);
    if (problem) return problem;
  }
  return null;
}
