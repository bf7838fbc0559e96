import type { Latest, Log } from "../../src/log/contract.ts";
import { matchesFilter } from "../../src/model/filter.ts";
import type { Value, Values } from "../../src/model/reading.ts";
import type { ViewOptions, WireReading } from "../../src/wire/messages.ts";
import type { Selection } from "./model-selection.ts";

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

/** A reading that was committed. */
export interface Committed {
  readonly seq: number;
  readonly topic: string;
  readonly time: number;
  readonly values: Values;
}

/** Every reading that was committed, and what a subscription ought to get of them. */
export class Oracle {
  readonly log: Log;
  private readonly records: Committed[] = [];

  constructor(log: Log) {
    this.log = log;
    log.onCommitted((records) => {
      for (const { seq, topic, time, values } of records) {
        this.records.push({ seq, topic: topic.name, time, values });
      }
    });
  }

  /** Seqs of the readings after one place up to another whose own values and position are wanted. */
  owed(
    filter: string,
    view: ViewOptions,
    after: number,
    to: number,
    selection: Selection | null = null,
  ): number[] {
    return this.records
      .slice(after, to)
      .filter((record) => selection === null || record.seq > selection.end || selection.wants(record))
      .filter(({ topic }) => matchesFilter(filter, topic))
      .filter(({ values }) => isInside(view, values) && wanted(view, values) !== null)
      .map(({ seq }) => seq);
  }

  valuesAt(seq: number): Values {
    return this.records[seq - 1]?.values ?? {};
  }

  /** The newest readings of each topic that the ring still has, by time of observation. */
  newest(filter: string, perTopic: number): Committed[] {
    const matching = this.records
      .slice(this.log.oldest - 1)
      .filter(({ topic }) => matchesFilter(filter, topic))
      .sort((one, other) => other.time - one.time || other.seq - one.seq);
    const taken = new Map<string, number>();
    return matching.filter(({ topic }) => {
      const count = (taken.get(topic) ?? 0) + 1;
      taken.set(topic, count);
      return count <= perTopic;
    });
  }

  /** What each topic showed at a time, of all that was ever committed. */
  shownAt(filter: string, time: number): Map<string, Values> {
    const shown = new Map<string, Values>();
    const observed = this.records
      .filter((record) => record.time <= time && matchesFilter(filter, record.topic))
      .sort((one, other) => one.time - other.time || one.seq - other.seq);
    for (const { topic, values } of observed) shown.set(topic, { ...shown.get(topic), ...values });
    return shown;
  }

  timeOf(seq: number): number {
    return this.records[seq - 1]?.time ?? 0;
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
