import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { TimetableTables } from "../../src/gtfs/tables.ts";
import type { CommittedReading, Insight, InsightContext } from "../../src/insights/insight.ts";
import { domains, type Reading, type Values } from "../../src/model/reading.ts";
import type { Timetable } from "../../src/model/timetable.ts";
import { channelStart, topicOf, topicParts } from "../../src/model/topic.ts";
import { decodeState, encodeState } from "../../src/pipeline/insight-state.ts";

interface Row {
  readonly domain: Reading["domain"];
  readonly device: string;
  readonly channel?: string;
  readonly time: string;
  readonly values: Values;
  readonly attrs?: Values;
}

/** test/fixtures/insights/README.md tells what each key means. */
export interface InsightFixture {
  readonly file: string;
  readonly description: string;
  readonly settings?: object;
  readonly timezone?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly timetables?: Readonly<Record<string, string>>;
  readonly input: readonly (Row & { readonly at?: string })[];
  readonly until: string;
  readonly expected: readonly Row[];
  readonly lateS?: number;
  readonly shuffle?: "all" | "device";
  readonly settled?: "latest" | "history" | "values";
}

const folder = join(import.meta.dirname, "../fixtures/insights");

/** The fixtures of an insight. */
export function fixturesOf(insight: string): InsightFixture[] {
  const name = new RegExp(`^${insight}(-[a-z0-9-]+)?\\.json$`);
  return readdirSync(folder)
    .filter((file) => name.test(file))
    .sort()
    .map((file) => ({ ...JSON.parse(readFileSync(join(folder, file), "utf8")), file }) as InsightFixture);
}

/** A reading and when it is committed. */
export interface Arrival {
  readonly at: number;
  readonly reading: Reading;
}

export function arrivalsOf({ input }: InsightFixture): Arrival[] {
  return input.map(({ at, time, ...rest }) => {
    const observedAt = Date.parse(time);
    return { at: at === undefined ? observedAt : Date.parse(at), reading: { ...rest, time: observedAt } };
  });
}

export function contextOf({ timezone, files = {}, timetables = {} }: InsightFixture): InsightContext {
  const read = ([name, path]: [string, string]) => [name, readFileSync(join(folder, path))] as const;
  const tables = Object.entries(timetables).map(
    ([name, path]) => [name, timetableIn(join(folder, path))] as const,
  );
  return {
    timezone: timezone ?? null,
    files: new Map(Object.entries(files).map(read)),
    timetables: new Map(tables),
  };
}

/** The timetable that the tables of a folder make. */
function timetableIn(path: string): Timetable {
  const tables = new TimetableTables();
  for (const name of tables.names.filter((one) => existsSync(join(path, one)))) {
    const reader = tables.reader(name);
    reader.push(readFileSync(join(path, name)));
    reader.end();
  }
  return tables.finish();
}

export interface Play {
  readonly arrivals: readonly Arrival[];
  readonly until: number;
  /** More moments at which time is told, ascending. */
  readonly ticks?: readonly number[];
  /** Ahead of which arrivals the state is saved and the reducer made anew from it. */
  readonly restarts?: ReadonlySet<number>;
}

/** Runs an insight as the gateway does, without a log. */
export function play(
  insight: Insight,
  settings: unknown,
  context: InsightContext,
  { arrivals, until, ticks = [], restarts = new Set() }: Play,
): Reading[] {
  const emitted: Reading[] = [];
  const emit = (reading: Reading) => void emitted.push(reading);
  let state = insight.start();
  let reducer = insight.create(settings, state, context);
  let now = Number.NEGATIVE_INFINITY;
  const advance = (time: number) => {
    if (time > now) reducer.advance?.(time, emit);
    now = Math.max(now, time);
  };
  let tick = 0;
  for (const [index, { at, reading }] of arrivals.entries()) {
    for (; tick < ticks.length && (ticks[tick] as number) <= at; tick++) advance(ticks[tick] as number);
    if (restarts.has(index)) {
      state = decodeState(encodeState(insight.stateVersion, state), insight.stateVersion);
      reducer = insight.create(settings, state, context);
    }
    advance(at);
    reducer.reduce(committed(reading, index + 1, now), emit);
  }
  for (; tick < ticks.length; tick++) advance(Math.min(until, ticks[tick] as number));
  advance(until);
  return emitted;
}

/** A reading as a reducer gets it. */
export function committed(reading: Reading, seq: number, committedAt: number): CommittedReading {
  const { channel, attrs = null } = reading;
  const topic = topicOf(reading);
  const { deviceKey } = topicParts(topic, channel === undefined ? undefined : channelStart(topic, channel));
  return { ...reading, channel, attrs, seq, committedAt, topic, deviceKey };
}

/**
 * What remains to be seen: each topic's values merged by time (`latest`), the same whatever time they were told for
 * (`values`), or those of each topic and time (`history`).
 */
export function settled(readings: readonly Reading[], what: "latest" | "history" | "values"): object {
  const shown: Record<string, Record<string, { time: number; value: unknown }>> = {};
  for (const reading of readings) {
    const { time, values, attrs } = reading;
    const key = what === "history" ? `${topicOf(reading)} ${new Date(time).toISOString()}` : topicOf(reading);
    shown[key] ??= {};
    for (const [name, value] of Object.entries({ ...values, ...(attrs && { attrs }) })) {
      const known = shown[key][name];
      if (known === undefined || known.time <= time) shown[key][name] = { time, value };
    }
  }
  if (what !== "values") return shown;
  for (const values of Object.values(shown))
    for (const shownValue of Object.values(values)) shownValue.time = 0;
  return shown;
}

/**
 * The same readings at the same moments, `lateMs` later than they were, but in another order: each may come up to `lateMs`
 * later than its neighbours. Derived readings, and what the gateway says itself, stay where they are.
 * @param random gives numbers from 0 to 1; always 0 keeps the order
 */
export function shuffled(
  arrivals: readonly Arrival[],
  { lateMs, within }: { readonly lateMs: number; readonly within: "all" | "device" },
  random: () => number,
): Arrival[] {
  const later = arrivals.map(({ at, reading }) => ({ at: at + lateMs, reading }));
  const groups = new Map<string, number[]>();
  for (const [index, { reading }] of later.entries()) {
    if (!domains.some((domain) => domain === reading.domain)) continue;
    const key = within === "all" ? "" : `${reading.domain}/${reading.device}`;
    groups.set(key, [...(groups.get(key) ?? []), index]);
  }
  for (const slots of groups.values()) {
    const order = slots
      .map((slot) => ({ key: (arrivals[slot] as Arrival).at + random() * lateMs, slot }))
      .sort((one, other) => one.key - other.key);
    for (const [at, slot] of slots.entries()) {
      const from = (order[at] as { slot: number }).slot;
      later[slot] = { at: (later[slot] as Arrival).at, reading: (arrivals[from] as Arrival).reading };
    }
  }
  return later;
}
