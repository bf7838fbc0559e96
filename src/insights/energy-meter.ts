import type { Values } from "../model/reading.ts";
import { type Calendar, type Level, levels } from "./calendar.ts";
import {
  addPoint,
  cutTrack,
  findSlot,
  firstCut,
  forgetPeriods,
  moveFloor,
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
  /** Until when a track counts: then a better one of the same energy begins. */
  readonly ends: Partial<Record<Name, number>>;
  /** Up to when its power has ever counted. */
  powerTo: number;
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
    tracks: ["importT1", "importT2"],
  },
  export: {
    total: "energyExportWh",
    tariffs: [
      ["exportT1", "energyExportT1Wh"],
      ["exportT2", "energyExportT2Wh"],
    ],
    tracks: ["exportT1", "exportT2"],
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
    ends: {},
    powerTo: Number.NEGATIVE_INFINITY,
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
  // Also of a value that was never observed before: a clock that is wrong would make years of gaps.
  if (reading.time <= meter.newest - rules.power.keepMs) return false;
  let hasChanged = false;
  for (const direction of directions) {
    hasChanged = observeCounters(meter, direction, reading, rules) || hasChanged;
  }
  const { powerW } = reading.values;
  if (typeof powerW !== "number") return hasChanged;
  return take(meter, "power", powerW, reading, rules.power) || hasChanged;
}

/**
 * Takes the counters of a direction. Those of tariffs often come in messages of their own, so each is followed by itself, and
 * the energy is what they add up to.
 */
function observeCounters(
  meter: Meter,
  direction: Direction,
  reading: { readonly time: number; readonly values: Values; readonly committedAt: number },
  rules: MeterRules,
): boolean {
  const { time, values } = reading;
  const { total, tariffs, tracks } = counters[direction];
  let hasChanged = false;
  const whole = values[total];
  if (typeof whole === "number") {
    // Both are asked: a total takes over from tariffs, and all that counts from power.
    const isTaken = takeOver(meter, tracks, time, rules[direction]);
    if (takeOver(meter, justPower, time, rules.power) && isTaken) {
      hasChanged = take(meter, direction, whole, reading, rules[direction]);
    }
  }
  for (const [track, name] of tariffs) {
    const value = values[name];
    if (typeof value !== "number" || !takeOver(meter, justPower, time, rules.power)) continue;
    hasChanged = take(meter, track, value, reading, rules[direction]) || hasChanged;
  }
  return hasChanged;
}

const justPower: readonly Name[] = ["power"];

/**
 * A better source counts from its first observation on, and until then the lesser ones do, whichever came first. What of them
 * is joined or settled stays, and the better one begins behind it.
 * @returns false if the observation is from before that
 */
function takeOver(meter: Meter, lesser: readonly Name[], time: number, rules: TrackRules): boolean {
  const [first] = lesser;
  const end = first && meter.ends[first];
  if (first === undefined || (end !== undefined && time >= end)) return true;
  const tracks = lesser.flatMap((name) => meter.tracks[name] ?? []);
  const from = Math.max(time, ...tracks.map(firstCut));
  for (const track of tracks) cutTrack(track, from, rules, meter);
  for (const name of lesser) meter.ends[name] = from;
  return time >= from;
}

/** What a meter knows of a period; null if nothing. What counts until another source takes over is added to what that counts. */
export function energyOf({ tracks }: Meter, level: Level, start: number): Energy | null {
  const power = slotOf(tracks.power, level, start);
  const imported = plus(power, countedOf(tracks, "import", level, start));
  const exported = plus(power, countedOf(tracks, "export", level, start));
  const [importMs, exportMs] = [imported[2], exported[2]];
  if (importMs === 0 && exportMs === 0) return null;
  const countsBoth = counts(tracks, "import") && counts(tracks, "export");
  return {
    importMicroWh: importMs > 0 ? imported[0] : null,
    exportMicroWh: exportMs > 0 ? exported[1] : null,
    knownMs: countsBoth ? Math.min(importMs, exportMs) : Math.max(importMs, exportMs),
    estimatedMs: Math.max(imported[3], exported[3]),
  };
}

/** Whether a meter counts a direction, or its power told, or may have told, of it in the period that begins at `start`. */
export function measures({ tracks, ends, powerTo }: Meter, direction: Direction, start: number): boolean {
  return counts(tracks, direction) || ends.power === undefined || start < powerTo;
}

function counts(tracks: Meter["tracks"], direction: Direction): boolean {
  const [[first], [second]] = counters[direction].tariffs;
  return (tracks[direction] ?? tracks[first] ?? tracks[second]) !== undefined;
}

const unknownSlot: Slot = [0, 0, 0, 0];

/** What the counters of a direction know of a period. Two tariffs know what both of them know. */
function countedOf(tracks: Meter["tracks"], direction: Direction, level: Level, start: number): Slot {
  const [[first], [second]] = counters[direction].tariffs;
  const whole = slotOf(tracks[direction], level, start);
  const [one, other] = [tracks[first] ?? tracks[second], tracks[second]];
  if (one === undefined) return whole;
  const slot = slotOf(one, level, start);
  if (other === undefined || other === one) return plus(whole, slot);
  const more = slotOf(other, level, start);
  const both = plus(slot, more);
  return plus(whole, [both[0], both[1], Math.min(slot[2], more[2]), Math.max(slot[3], more[3])]);
}

function slotOf(track: Track | undefined, level: Level, start: number): Slot {
  return track === undefined ? unknownSlot : (findSlot(track, level, start) ?? unknownSlot);
}

function plus(one: Slot, other: Slot): Slot {
  // Most meters have one track of a direction.
  if (one === unknownSlot) return other;
  if (other === unknownSlot) return one;
  return [one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]];
}

/** Forgets the periods for which nothing is taken any more, and what counts no longer when none is left of it. */
export function forgetOld(meter: Meter, keepMs: number): void {
  for (const [name, track] of Object.entries(meter.tracks) as [Name, Track][]) {
    const end = meter.ends[name];
    if (end !== undefined) moveFloor(track, meter.newest - keepMs);
    forgetPeriods(track);
    if (end === undefined || end > track.floor) continue;
    if (levels.every((level) => track.slots[level].size === 0)) delete meter.tracks[name];
  }
}

function take(
  meter: Meter,
  name: Name,
  value: number,
  { time, committedAt }: { readonly time: number; readonly committedAt: number },
  rules: TrackRules,
): boolean {
  const end = meter.ends[name];
  if (end !== undefined && time > end) return false;
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
  if (name === "power" && track.points.length > 1) {
    meter.powerTo = Math.max(meter.powerTo, track.points.at(-1)?.time ?? time);
  }
  if (time > newest && Number.isFinite(newest)) markOver(meter, newest, time, track.floor, rules.calendar);
  if (time < meter.first) {
    markOver(meter, time, Math.min(meter.first, meter.newest), track.floor, rules.calendar);
    meter.first = time;
  }
  return true;
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
