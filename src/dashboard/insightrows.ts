import { derivedDomains, type Values } from "../model/reading.ts";
import type { Observation } from "./thing.ts";
import { nameWords, valueWords } from "./words.ts";

/** Topics of insights that are kept; the one told longest ago makes room. */
export const maxInsightTopics = 20_000;
/** Values of a topic that are shown in its row. */
const maxShownValues = 4;

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

  /** The first levels that have come, and how many topics each has. */
  levels(): { level: string; count: number }[] {
    return watchedLevels.flatMap((level) => {
      const count = this.byLevel.get(level)?.size ?? 0;
      return count > 0 ? [{ level, count }] : [];
    });
  }

  /** The `max` topics of a level that were told last, of those that have in their name what was typed. */
  newest(level: string, filter: string, max: number): InsightRow[] {
    const wanted = filter.trim().toLowerCase();
    const rows = [...(this.byLevel.get(level)?.values() ?? [])].reverse();
    return rows.filter(({ topic }) => topic.toLowerCase().includes(wanted)).slice(0, max);
  }
}

/** Places are for maps. */
const placeNames: ReadonlySet<string> = new Set(["lat", "lon", "fromLat", "fromLon", "toLat", "toLon"]);

/** A row's values in words; those that are not known are left out. */
export function insightWords(values: Values): string {
  return Object.entries(values)
    .filter(([name, value]) => value !== null && typeof value !== "object" && !placeNames.has(name))
    .slice(0, maxShownValues)
    .map(([name, value]) => {
      const { number, unit } = valueWords(name, value);
      return `${nameWords(name).label.toLowerCase()} ${number}${unit && ` ${unit}`}`;
    })
    .join(" · ");
}
