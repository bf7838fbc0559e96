import type { Latest, Log } from "../../src/log/contract.ts";
import { matchesFilter } from "../../src/model/filter.ts";
import type { Value, Values } from "../../src/model/reading.ts";
import type { ViewOptions, WireReading } from "../../src/wire/messages.ts";

/** What a topic's values are in a view, null if they are not wanted; written from the protocol's document alone. */
export function wanted({ where = [], fields }: ViewOptions, values: Values): Values | null {
  for (const { field, op, value } of where) {
    const found = values[field];
    if (op !== "exists" && op !== ">") throw new Error(`the model knows no ${op}`);
    if (found === undefined || (op === ">" && Number(found) <= Number(value))) return null;
  }
  if (!fields) return values;
  const chosen = fields.flatMap((name) => (name in values ? [[name, values[name] as Value] as const] : []));
  return chosen.length === 0 ? null : Object.fromEntries(chosen);
}

/** Whether the values' own position is in the view's box; without a position, no. Without a box everything is. */
export function isInside({ bbox }: ViewOptions, { lat, lon }: Values): boolean {
  if (!bbox) return true;
  if (typeof lat !== "number" || typeof lon !== "number") return false;
  const [west, south, east, north] = bbox;
  const isBetween = west <= east ? west <= lon && lon <= east : lon >= west || lon <= east;
  return isBetween && south <= lat && lat <= north;
}

/** Every reading that was committed, and what a subscription ought to get of them. */
export class Oracle {
  readonly log: Log;
  private readonly records: { seq: number; topic: string; values: Values }[] = [];

  constructor(log: Log) {
    this.log = log;
    log.onCommitted((records) => {
      for (const { seq, topic, values } of records) this.records.push({ seq, topic: topic.name, values });
    });
  }

  /** Seqs of the readings after one place up to another whose own values and position are wanted. */
  owed(filter: string, view: ViewOptions, after: number, to: number): number[] {
    return this.records
      .slice(after, to)
      .filter(({ topic }) => matchesFilter(filter, topic))
      .filter(({ values }) => isInside(view, values) && wanted(view, values) !== null)
      .map(({ seq }) => seq);
  }

  valuesAt(seq: number): Values {
    return this.records[seq - 1]?.values ?? {};
  }

  topicsInside(filter: string, view: ViewOptions): Latest[] {
    return this.log.latest(filter).filter(({ values }) => isInside(view, values));
  }

  /** What the log says that a sent reading should show now. */
  latestOf({ topic }: WireReading, view: ViewOptions): { seq: number; time: number; values: Values | null } {
    const [latest] = this.log.latest(topic);
    if (!latest) throw new Error(`the log does not know ${topic}`);
    return { seq: latest.seq, time: latest.time, values: wanted(view, latest.values) };
  }
}
