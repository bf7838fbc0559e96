import { derivedDomains, type Values } from "../model/reading.ts";
import type { Observation } from "./thing.ts";

/** Topics of insights that are kept; the one told longest ago makes room. */
export const maxInsightTopics = 20_000;

/** What the gateway makes of readings for people to watch: not the packets it could not read, nor who is connected. */
export const watchedLevels = derivedDomains.filter((level) => level !== "quarantine" && level !== "presence");

const watched: ReadonlySet<string> = new Set(watchedLevels);
const none: ReadonlyMap<string, InsightRow> = new Map();

/** What a topic of an insight shows. */
export interface InsightRow {
  readonly topic: string;
  time: number;
  readonly values: Values;
  /** Remarks of the newest reading (an alert's text); empty if it has none. */
  attrs: Values;
}

/** The newest words of all insights, whatever they are about. */
export class InsightRows {
  /** By first level; the topic told last stands last. */
  private readonly byLevel = new Map<string, Map<string, InsightRow>>();
  private readonly limit: number;
  /** Grows with every reading. */
  version = 0;

  constructor(limit = maxInsightTopics) {
    this.limit = limit;
  }

  apply({ topic, time, values, attrs = {} }: Observation): void {
    const [level = ""] = topic.split("/", 1);
    if (!watched.has(level)) return;
    const rows = this.byLevel.get(level) ?? new Map<string, InsightRow>();
    this.byLevel.set(level, rows);
    const row = rows.get(topic) ?? { topic, time, values: {}, attrs };
    rows.delete(topic);
    rows.set(topic, row);
    // A correction of what was before changes nothing that is shown.
    if (time >= row.time) {
      row.time = time;
      row.attrs = attrs;
      Object.assign(row.values, values);
    }
    if (rows.size > this.limit) rows.delete(rows.keys().next().value as string);
    this.version++;
  }

  /** Forgets everything, as what follows is of another time. */
  clear(): void {
    this.byLevel.clear();
    this.version++;
  }

  /** The topics of a first level, by topic; the one told last stands last. */
  of(level: string): ReadonlyMap<string, InsightRow> {
    return this.byLevel.get(level) ?? none;
  }
}
