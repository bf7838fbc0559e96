import type { Log, LogRecord, ObservedPlace } from "../log/contract.ts";
import type { Values } from "../model/reading.ts";
import { Series } from "./downsampling/series.ts";
import { type Aggregate, Step, stepStart } from "./downsampling/steps.ts";
import { onlyFields, type Row } from "./export/row.ts";
import type { Turns } from "./turns.ts";

/** Bytes of bodies that are read of the store at a time. */
const pageBytes = 16 * 1024;
/** Readings that are decoded and written without a pause, about a millisecond of the main loop: then others have their turn. */
const sliceRecords = 128;
/** Rows likewise, where there is nothing to decode. */
const sliceRows = 256;

/** How readings are brought to fewer rows. */
export type Resampling =
  | { readonly kind: "step"; readonly stepMs: number; readonly aggregate: Aggregate }
  | { readonly kind: "lttb"; readonly points: number };

export interface HistoryQuery {
  readonly filter: string;
  /** Epoch milliseconds, inclusive; null: no limit. */
  readonly from: number | null;
  readonly to: number | null;
  readonly newestFirst: boolean;
  /** Null for all. */
  readonly fields: readonly string[] | null;
  /** Null for every reading. */
  readonly resampling: Resampling | null;
  /** Whose turn it is. */
  readonly turns: Turns;
}

/**
 * What was observed, in slices: topic by topic, within a topic by observation time.
 * @param after where to go on, as `placeAfter` gave it
 * @throws LogUnavailable (as rejection) when the store cannot be read
 */
export function readHistory(
  log: Log,
  query: HistoryQuery,
  after: ObservedPlace | null,
): AsyncGenerator<readonly Row[]> {
  const { resampling } = query;
  if (resampling === null) return readRows(log, query, after);
  return resampling.kind === "step"
    ? readSteps(log, query, resampling, after)
    : readPicked(log, query, resampling.points);
}

/** The place behind a row, from which `readHistory` goes on. Not for LTTB. */
export function placeAfter(
  { topicId, time, seq = 0 }: Row,
  { newestFirst, resampling }: HistoryQuery,
): ObservedPlace {
  const place = { topicId, taken: 0 };
  if (resampling?.kind !== "step") return { ...place, time, seq };
  // Places that no record has: behind everything of the step, in the direction of the order.
  return newestFirst
    ? { ...place, time, seq: 0 }
    : { ...place, time: time + resampling.stepMs - 1, seq: Number.MAX_SAFE_INTEGER };
}

async function* readRecords(
  log: Log,
  { filter, from, to, newestFirst, turns }: HistoryQuery,
  start: ObservedPlace | null,
): AsyncGenerator<readonly LogRecord[]> {
  const range = { ...(from !== null && { from }), ...(to !== null && { to }) };
  let after = start;
  do {
    const { records, next } = await log.observed({
      filter,
      ...range,
      newestFirst,
      maxBytes: pageBytes,
      after,
    });
    // Of nothing too: who goes through many topics in vain shall not hold up anyone.
    for (let start = 0; start === 0 || start < records.length; start += sliceRecords) {
      await turns.next();
      yield records.slice(start, start + sliceRecords);
    }
    after = next;
  } while (after !== null);
}

async function* readRows(
  log: Log,
  query: HistoryQuery,
  after: ObservedPlace | null,
): AsyncGenerator<readonly Row[]> {
  for await (const records of readRecords(log, query, after)) {
    yield records.flatMap((record) => {
      const values = wanted(record, query.fields);
      if (values === null) return [];
      const { seq, topic, time, attrs } = record;
      return [{ seq, topicId: topic.id, topic: topic.name, time, values, attrs }];
    });
  }
}

interface OpenStep {
  readonly topicId: number;
  readonly topic: string;
  readonly time: number;
  readonly step: Step;
}

function rowsOf(open: OpenStep | null): Row[] {
  const values = open?.step.result();
  return open && values ? [{ topicId: open.topicId, topic: open.topic, time: open.time, values }] : [];
}

async function* readSteps(
  log: Log,
  query: HistoryQuery,
  { stepMs, aggregate }: Extract<Resampling, { kind: "step" }>,
  after: ObservedPlace | null,
): AsyncGenerator<readonly Row[]> {
  let open: OpenStep | null = null;
  for await (const records of readRecords(log, query, after)) {
    const rows: Row[] = [];
    for (const record of records) {
      const { id: topicId, name: topic } = record.topic;
      const time = stepStart(record.time, stepMs);
      if (open === null || open.topicId !== topicId || open.time !== time) {
        rows.push(...rowsOf(open));
        open = { topicId, topic, time, step: new Step(aggregate) };
      }
      const values = wanted(record, query.fields);
      if (values !== null) open.step.add({ time: record.time, seq: record.seq, values });
    }
    yield rows;
  }
  yield rowsOf(open);
}

/** Each field of a topic is a series of its own; a row has the values of one reading that were picked. */
async function* readPicked(log: Log, query: HistoryQuery, points: number): AsyncGenerator<readonly Row[]> {
  const fields = query.fields ?? [];
  let topic: LogRecord["topic"] | null = null;
  let series = new Map<string, Series>();
  for await (const records of readRecords(log, { ...query, newestFirst: false }, null)) {
    for (const record of records) {
      if (topic && topic.id !== record.topic.id) {
        yield* inSlices(pickRows(topic, series, points, query.newestFirst), query.turns);
        series = new Map();
      }
      topic = record.topic;
      push(series, record, fields);
    }
  }
  if (topic) yield* inSlices(pickRows(topic, series, points, query.newestFirst), query.turns);
}

async function* inSlices(rows: readonly Row[], turns: Turns): AsyncGenerator<readonly Row[]> {
  for (let start = 0; start < rows.length; start += sliceRows) {
    await turns.next();
    yield rows.slice(start, start + sliceRows);
  }
}

function push(
  series: Map<string, Series>,
  { seq, time, values }: LogRecord,
  fields: readonly string[],
): void {
  for (const name of fields) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (typeof value !== "number") continue;
    let one = series.get(name);
    if (!one) {
      one = new Series();
      series.set(name, one);
    }
    one.push(seq, time, value);
  }
}

function pickRows(
  topic: LogRecord["topic"],
  series: ReadonlyMap<string, Series>,
  points: number,
  newestFirst: boolean,
): Row[] {
  const rows = new Map<number, { time: number; values: Values }>();
  for (const [name, one] of series) {
    for (const { seq, time, value } of one.pick(points)) {
      const row = rows.get(seq) ?? { time, values: {} };
      row.values[name] = value;
      rows.set(seq, row);
    }
  }
  const direction = newestFirst ? -1 : 1;
  return [...rows]
    .sort(([oneSeq, one], [otherSeq, other]) => direction * (one.time - other.time || oneSeq - otherSeq))
    .map(([seq, { time, values }]) => ({ seq, topicId: topic.id, topic: topic.name, time, values }));
}

function wanted({ values }: LogRecord, fields: readonly string[] | null): Values | null {
  return fields === null ? values : onlyFields(values, fields);
}
