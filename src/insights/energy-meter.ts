import type { Values } from "../model/reading.ts";
import { type Calendar, type Level, levels } from "./calendar.ts";
import {
  addPoint,
  forgetPeriods,
  newTrack,
  type Pending,
  type Slot,
  type Track,
  type TrackRules,
} from "./energy-track.ts";

/** Energy in a period. What is unknown is null, never 0. */
export interface Energy {
  readonly importMicroWh: number | null;
  readonly exportMicroWh: number | null;
  /** How much of the period is known, by the value of which less is known. */
  readonly knownMs: number;
  /** How much of that is estimated. */
  readonly estimatedMs: number;
}

/** A meter, or a phase of one: one topic below `energy/`. */
export interface Meter {
  readonly device: string;
  readonly channel: string | undefined;
  /** Counters of import and of export, or those of two tariffs in their place, and power for meters that have none. */
  readonly tracks: Partial<Record<Name, Track>>;
  /** When it was first and last observed. */
  first: number;
  newest: number;
  /** Periods that are over and have changed since they were told. */
  readonly pending: Pending;
  /** Whether what runs has changed since it was told. */
  isMoved: boolean;
  /** When it tells, by the log's clock; null if there is nothing to tell. */
  due: number | null;
}

/** How each value of a meter is read. */
export type MeterRules = Readonly<Record<Direction | "power", TrackRules>>;

type Direction = "import" | "export";
type Name = Direction | `${Direction}T1` | `${Direction}T2` | "power";

/** The values that count a direction: all of it, and the tracks and values of its tariffs. */
const counters = {
  import: {
    total: "energyImportWh",
    tariffs: [
      ["importT1", "energyImportT1Wh"],
      ["importT2", "energyImportT2Wh"],
    ],
  },
  export: {
    total: "energyExportWh",
    tariffs: [
      ["exportT1", "energyExportT1Wh"],
      ["exportT2", "energyExportT2Wh"],
    ],
  },
} as const;
const directions = ["import", "export"] as const;

/** Whether a reading says anything of energy. */
export function tellsEnergy(values: Values): boolean {
  const names = directions.flatMap((direction) => {
    const { total, tariffs } = counters[direction];
    return [total, ...tariffs.map(([, name]) => name)];
  });
  return ["powerW", ...names].some((name) => typeof values[name] === "number");
}

export function newMeter(device: string, channel: string | undefined): Meter {
  return {
    device,
    channel,
    tracks: {},
    first: Number.POSITIVE_INFINITY,
    newest: Number.NEGATIVE_INFINITY,
    pending: newPending(),
    isMoved: false,
    due: null,
  };
}

export function newPending(): Pending {
  return { quarterHour: new Set(), hour: new Set(), day: new Set(), month: new Set() };
}

/** Takes what a reading says of energy. @returns whether that changed anything */
export function observe(
  meter: Meter,
  reading: { readonly time: number; readonly values: Values; readonly committedAt: number },
  rules: MeterRules,
): boolean {
  let hasChanged = false;
  for (const direction of directions) {
    hasChanged = observeCounters(meter, direction, reading, rules[direction]) || hasChanged;
  }
  if (hasCounter(meter)) return hasChanged;
  const { powerW } = reading.values;
  return typeof powerW === "number" && take(meter, "power", powerW, reading, rules.power);
}

/**
 * Takes the counters of a direction. Those of tariffs often come in messages of their own, so each is followed by itself, and
 * the energy is what they add up to. A counter of all tariffs takes their place.
 */
function observeCounters(
  meter: Meter,
  direction: Direction,
  reading: { readonly time: number; readonly values: Values; readonly committedAt: number },
  rules: TrackRules,
): boolean {
  const { values } = reading;
  const { total, tariffs } = counters[direction];
  const whole = values[total];
  if (typeof whole === "number") {
    for (const [tariff] of tariffs) forgetTariff(meter, tariff, rules.calendar);
    return take(meter, direction, whole, reading, rules);
  }
  if (meter.tracks[direction]) return false;
  let hasChanged = false;
  for (const [tariff, name] of tariffs) {
    const value = values[name];
    if (typeof value === "number") hasChanged = take(meter, tariff, value, reading, rules) || hasChanged;
  }
  return hasChanged;
}

/** What a meter knows of a period; null if nothing. */
export function energyOf({ tracks }: Meter, level: Level, start: number): Energy | null {
  const { power } = tracks;
  if (power) {
    const slot = power.slots[level].get(start);
    if (!slot || slot[2] === 0) return null;
    const [importMicroWh, exportMicroWh, knownMs, estimatedMs] = slot;
    return { importMicroWh, exportMicroWh, knownMs, estimatedMs };
  }
  const imported = countedOf(tracks, "import", level, start);
  const exported = countedOf(tracks, "export", level, start);
  const [importMs, exportMs] = [imported?.[2] ?? 0, exported?.[2] ?? 0];
  if (importMs === 0 && exportMs === 0) return null;
  return {
    importMicroWh: imported && importMs > 0 ? imported[0] : null,
    exportMicroWh: exported && exportMs > 0 ? exported[1] : null,
    knownMs: imported && exported ? Math.min(importMs, exportMs) : Math.max(importMs, exportMs),
    estimatedMs: Math.max(imported?.[3] ?? 0, exported?.[3] ?? 0),
  };
}

/** Whether a meter counts a direction, or could tell it from its power. */
export function measures({ tracks }: Meter, direction: Direction): boolean {
  return tracks.power !== undefined || counts(tracks, direction);
}

function counts(tracks: Meter["tracks"], direction: Direction): boolean {
  const [[first], [second]] = counters[direction].tariffs;
  return (tracks[direction] ?? tracks[first] ?? tracks[second]) !== undefined;
}

const unknownSlot: Slot = [0, 0, 0, 0];

/** What the counters of a direction know of a period; undefined if there are none. Two tariffs know what both of them know. */
function countedOf(
  tracks: Meter["tracks"],
  direction: Direction,
  level: Level,
  start: number,
): Slot | undefined {
  const [[first], [second]] = counters[direction].tariffs;
  const track = tracks[direction] ?? tracks[first] ?? tracks[second];
  if (track === undefined) return undefined;
  const slot = track.slots[level].get(start) ?? unknownSlot;
  const other = tracks[second];
  if (other === undefined || other === track) return slot;
  const more = other.slots[level].get(start) ?? unknownSlot;
  const known = Math.min(slot[2], more[2]);
  return [slot[0] + more[0], slot[1] + more[1], known, Math.max(slot[3], more[3])];
}

/** Forgets the periods for which nothing is taken any more. */
export function forgetOld({ tracks }: Meter): void {
  for (const track of Object.values(tracks)) forgetPeriods(track);
}

function hasCounter({ tracks }: Meter): boolean {
  return counts(tracks, "import") || counts(tracks, "export");
}

function take(
  meter: Meter,
  name: Name,
  value: number,
  { time, committedAt }: { readonly time: number; readonly committedAt: number },
  rules: TrackRules,
): boolean {
  // A meter that counts is not integrated: what its power gave until the first count came is taken back.
  if (name !== "power" && meter.tracks.power) forgetPower(meter);
  let track = meter.tracks[name];
  if (!track) {
    track = newTrack();
    meter.tracks[name] = track;
  }
  // Ahead of the energy, so that periods that this one ends are seen to be over.
  const { newest } = meter;
  if (time > newest && time > track.floor) meter.newest = time;
  const isNew = addPoint(track, { time, value, arrivedAt: committedAt }, rules, meter);
  if (!isNew) return false;
  meter.isMoved = true;
  if (time > newest && Number.isFinite(newest)) markOver(meter, newest, time, track.floor, rules.calendar);
  if (time < meter.first) {
    markOver(meter, time, Math.min(meter.first, meter.newest), track.floor, rules.calendar);
    meter.first = time;
  }
  return true;
}

/** What it gave is told anew, without it. */
function forgetTariff(meter: Meter, name: Name, calendar: Calendar): void {
  const track = meter.tracks[name];
  if (!track) return;
  delete meter.tracks[name];
  for (const level of levels) {
    for (const start of track.slots[level].keys()) {
      if (calendar.periodOf(level, start).end <= meter.newest) meter.pending[level].add(start);
    }
  }
}

function forgetPower(meter: Meter): void {
  delete meter.tracks.power;
  meter.first = Number.POSITIVE_INFINITY;
  meter.newest = Number.NEGATIVE_INFINITY;
  for (const level of levels) meter.pending[level].clear();
}

/** Marks the periods between two times that are over, those of which nothing is known (gaps) too, back to `floor`. */
function markOver(meter: Meter, from: number, to: number, floor: number, calendar: Calendar): void {
  for (const level of levels) {
    let period = calendar.periodOf(level, from);
    while (period.end <= to) {
      meter.pending[level].add(period.start);
      period = calendar.periodOf(level, Math.max(period.end, floor));
    }
  }
}
