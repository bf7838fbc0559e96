import type { Latest, LogRecord, Topic } from "../log/contract.ts";
import type { Values } from "../model/reading.ts";
import { freeShape, writeBody } from "../wire/body.ts";
import { MsgpackWriter } from "../wire/writer.ts";
import type { NumberSet } from "./number-set.ts";
import type { Told } from "./told.ts";
import type { View } from "./view.ts";

/** A record as it is sent; a view may have made it of another one, or of what a topic shows now. */
export interface SentRecord extends LogRecord {
  /** Observation time of each value that is older than `time`. */
  readonly times?: Readonly<Record<string, number>> | null;
}

/**
 * The records that a view lets through, in order. A reading with a position is judged by its own; one without is let
 * through while its topic is in view.
 */
export function selectRecords(
  view: View,
  inView: NumberSet,
  records: readonly LogRecord[],
): readonly SentRecord[] {
  if (view.isPlain) return records;
  const selected: SentRecord[] = [];
  for (const record of records) {
    const isInside = view.contains(record.values) ?? inView.has(record.topic.id);
    if (!isInside || !view.passes(record.values)) continue;
    const values = view.project(record.values);
    if (values !== null) selected.push(values === record.values ? record : derived(record, values, null));
  }
  return selected;
}

/** What topics show now, as far as a view lets it through, in the given order. */
export function selectLatest(view: View, latest: readonly Latest[]): SentRecord[] {
  const selected: SentRecord[] = [];
  for (const entry of latest) {
    if (view.contains(entry.values) !== true || !view.passes(entry.values)) continue;
    const values = view.project(entry.values);
    if (values !== null) selected.push(derived(entry, values, entry.times));
  }
  return selected;
}

/** What changed after a position, by seq, so that what was sent of it is known by the cursor alone. */
export function selectChanges(view: View, latest: readonly Latest[], after: number): SentRecord[] {
  return selectLatest(
    view,
    latest.filter(({ seq }) => seq > after),
  ).sort((one, other) => one.seq - other.seq);
}

/** The topics of which the client must be told that they came into a view's box or left it. */
export function viewChanges(view: View, { inView, shown }: Told, latest: readonly Latest[]): Latest[] {
  return latest.filter(({ topic: { id }, values }) =>
    view.contains(values) === true ? !inView.has(id) : inView.has(id) || shown.has(id),
  );
}

/** Parts such topics into those that came in and those that left, and makes `inView` say so. */
export function noteChanges(
  view: View,
  { inView }: Told,
  changes: readonly Latest[],
): { entered: Latest[]; left: Topic[] } {
  const entered: Latest[] = [];
  const left: Topic[] = [];
  for (const entry of changes) {
    const { topic, values } = entry;
    if (view.contains(values) === true) {
      inView.add(topic.id);
      entered.push(entry);
    } else {
      inView.delete(topic.id);
      left.push(topic);
    }
  }
  return { entered, left };
}

const writer = new MsgpackWriter();

function derived(
  { seq, topic, time, attrs }: Pick<LogRecord, "seq" | "topic" | "time" | "attrs">,
  values: Values,
  times: Readonly<Record<string, number>> | null,
): SentRecord {
  const older = times && onlyOf(times, values);
  const ages = older && Object.keys(values).map((name) => time - (older[name] ?? time));
  // What a view makes has no shape in the log, so it carries its names.
  writeBody(writer, seq, topic.id, freeShape, time, values, ages, attrs);
  return { seq, topic, time, values, attrs, times: older, shapeId: freeShape.id, body: writer.take() };
}

function onlyOf(times: Readonly<Record<string, number>>, values: Values): Record<string, number> | null {
  const kept = Object.entries(times).filter(([name]) => Object.hasOwn(values, name));
  return kept.length === 0 ? null : Object.fromEntries(kept);
}
