import { isoTime, isoTimes, type Values } from "../../model/reading.ts";

/** What one line of an answer says: a reading, what a topic shows, or what a step of time comes to. */
export interface Row {
  /** Absent where it stands for several readings. */
  readonly seq?: number;
  readonly topicId: number;
  readonly topic: string;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly values: Values;
  /** Observation time of each value that is older than `time`. */
  readonly times?: Readonly<Record<string, number>> | null;
  readonly attrs?: Values | null;
}

/** How an answer ends. */
export interface PageEnd {
  /** The cursor of the next page; null if there is none. */
  readonly next: string | null;
  /** When the oldest reading that the ring still has was stored, epoch milliseconds; undefined where that does not matter. */
  readonly oldest?: number | null;
  /** The ring dropped something while the answer was made: what was stored before `oldest` may be missing from it. */
  readonly isEvicted?: boolean;
}

/** In formats that are rows and nothing else the last one has this topic, which no reading has, and `oldest` as its time. */
export const evictedTopic = "$evicted";

/** Writes an answer in one of its formats, part by part, in the order of the methods. One writer is one answer. */
export interface RowWriter {
  head(): string;
  rows(rows: readonly Row[]): string;
  tail(end: PageEnd): string;
}

/** The only wanted values; null if there is none of them. */
export function onlyFields(values: Values, fields: readonly string[]): Values | null {
  const wanted = fields.filter((name) => Object.hasOwn(values, name));
  if (wanted.length === 0) return null;
  return Object.fromEntries(wanted.map((name) => [name, values[name] as Values[string]]));
}

/** A row as JSON has it. */
export function presentRow({ seq, topic, time, values, times, attrs }: Row): object {
  return {
    ...(seq !== undefined && { seq }),
    topic,
    time: isoTime(time),
    values,
    ...(times && { times: isoTimes(times) }),
    ...(attrs && { attrs }),
  };
}
