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
  /** Counters of import and of export, and power for meters that have neither. */
  readonly tracks: { import?: Track; export?: Track; power?: Track };
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
export type MeterRules = Readonly<Record<Name, TrackRules>>;

type Name = keyof Meter["tracks"];

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
  const { values } = reading;
  const imported = counterOf(values, "energyImport");
  const exported = counterOf(values, "energyExport");
  const { powerW } = values;
  let hasChanged = false;
  if (imported !== null) hasChanged = take(meter, "import", imported, reading, rules.import) || hasChanged;
  if (exported !== null) hasChanged = take(meter, "export", exported, reading, rules.export) || hasChanged;
  if (hasCounter(meter)) return hasChanged;
  return typeof powerW === "number" && take(meter, "power", powerW, reading, rules.power);
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
  const imported = tracks.import?.slots[level].get(start);
  const exported = tracks.export?.slots[level].get(start);
  const [importMs, exportMs] = [imported?.[2] ?? 0, exported?.[2] ?? 0];
  if (importMs === 0 && exportMs === 0) return null;
  return {
    importMicroWh: amountOf(imported, 0),
    exportMicroWh: amountOf(exported, 1),
    knownMs: tracks.import && tracks.export ? Math.min(importMs, exportMs) : Math.max(importMs, exportMs),
    estimatedMs: Math.max(imported?.[3] ?? 0, exported?.[3] ?? 0),
  };
}

/** Forgets the periods for which nothing is taken any more. */
export function forgetOld({ tracks }: Meter): void {
  for (const track of Object.values(tracks)) forgetPeriods(track);
}

function amountOf(slot: Slot | undefined, at: 0 | 1): number | null {
  return slot && slot[2] > 0 ? slot[at] : null;
}

/** A counter's value: the total, or what two tariffs add up to. */
function counterOf(values: Values, name: "energyImport" | "energyExport"): number | null {
  const total = values[`${name}Wh`];
  if (typeof total === "number") return total;
  const [first, second] = [values[`${name}T1Wh`], values[`${name}T2Wh`]];
  return typeof first === "number" && typeof second === "number" ? first + second : null;
}

function hasCounter({ tracks }: Meter): boolean {
  return tracks.import !== undefined || tracks.export !== undefined;
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
