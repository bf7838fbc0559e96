import type { Reading, Values } from "../model/reading.ts";
import {
  fieldProblem,
  isInfinite,
  type NumberField,
  numberField,
  readNumber,
  readValue,
  setField,
} from "./fields.ts";
import { isObject, type JsonObject } from "./json-payload.ts";
import { isMilesight, isMilesightMeter, readMilesightMeter } from "./milesight.ts";
import { readSenseCap } from "./sensecap.ts";
import { observedAt, parseTime } from "./time.ts";
import type { TimeZone } from "./timezone.ts";
import { type Meaning, meaningOf } from "./uplink-names.ts";
import { type Findings, pathBefore, positionOf, pushMeter, pushRoad } from "./uplink-readings.ts";

/** Deepest nesting and most names of a decoded payload that are read; decoders make fewer than fifty names. */
const maxDepth = 5;
const maxNames = 512;

/** Most stored records in one uplink, which has at most 242 bytes. */
const maxHistory = 128;

/** The instant and the sender of an uplink, and where its decoded payload stands in the packet. */
export interface Uplink {
  /** DevEUI in lower case. */
  readonly device: string;
  /** When the network got it, epoch milliseconds; a payload without a time of its own was observed then. */
  readonly time: number;
  readonly receivedAt: number;
  /** Zone of the payload's own times without an offset, null if it is unknown. */
  readonly zone: TimeZone | null;
  /** Path of the decoded payload, with a dot at its end. */
  readonly path: string;
}

/** What a decoded payload gave. */
export interface UplinkResult {
  readonly results: readonly (Reading | string)[];
  /** True if it speaks of a position at all, even one without a fix. */
  readonly isLocated: boolean;
}

/**
 * Reads what a device's decoder (payload formatter, codec) made of an uplink. The names are the decoder's choice, so they
 * are found by meaning (see `meaningOf`): positions, meters, road sensors. What says nothing plainly is left alone.
 */
export function readUplink(object: JsonObject, uplink: Uplink): UplinkResult {
  if (isMilesightMeter(object, uplink.device)) return readPlug(object, uplink);
  const found: Findings = {
    names: 0,
    hasFix: undefined,
    lat: undefined,
    lon: undefined,
    timeRaw: undefined,
    timePath: "",
    count: undefined,
    gps: {},
    road: {},
    energy: new Map(),
    results: [],
    problem: null,
  };
  collect(object, "", uplink.path, 0, found, uplink);
  const isLocated = found.lat !== undefined || found.lon !== undefined || found.hasFix !== undefined;
  if (found.problem !== null) return { results: [found.problem], isLocated };
  const time = timeOf(found, uplink);
  if (typeof time === "string") return { results: [...found.results, time], isLocated };
  const results = found.results;
  if (found.lat !== undefined || found.lon !== undefined) {
    const result = positionOf(found, uplink.device, time);
    if (result !== null) results.push(result);
  } else {
    pushMeter(found, uplink.device, time);
    pushRoad(found, uplink.device, time);
  }
  return { results, isLocated: isLocated || results.length > 0 };
}

function readPlug(object: JsonObject, { device, time, path }: Uplink): UplinkResult {
  const values: Values = {};
  const problem = readMilesightMeter(object, values, path);
  if (problem !== null) return { results: [problem], isLocated: false };
  const isEmpty = Object.keys(values).length === 0;
  return { results: isEmpty ? [] : [{ domain: "energy", device, time, values }], isLocated: false };
}

/** Walks the object; names in an object that means nothing by itself are joined to its own (`active_energy.import_kwh`). */
function collect(
  object: JsonObject,
  prefix: string,
  path: string,
  depth: number,
  found: Findings,
  uplink: Uplink,
): void {
  for (const name in object) {
    if (++found.names > maxNames) {
      found.problem ??= `${path.slice(0, -1)}: more than ${maxNames} names; send less in one uplink`;
      return;
    }
    const raw = object[name];
    if (raw === null || raw === "") continue;
    const meaning = meaningOf(prefix + name);
    if (isObject(raw)) {
      if (depth >= maxDepth) continue;
      const inner = meaning?.kind === "container" ? "" : `${prefix}${name}_`;
      collect(raw, inner, `${path}${name}.`, depth + 1, found, uplink);
    } else if (meaning !== null) {
      take(meaning, raw, `${path}${name}`, found, uplink, object);
    }
  }
}

function take(
  meaning: Meaning,
  raw: unknown,
  path: string,
  found: Findings,
  uplink: Uplink,
  parent: JsonObject,
): void {
  switch (meaning.kind) {
    case "lat":
    case "lon":
      takeCoordinate(meaning, raw, path, found);
      break;
    case "gps":
    case "road":
      found.problem ??= setField(raw, meaning.field, found[meaning.kind], pathBefore(path));
      break;
    case "energy":
      takeEnergy(meaning.field, meaning.channel, raw, path, found);
      break;
    case "fix":
      if (isNo(raw)) found.hasFix = false;
      else found.hasFix ??= true;
      break;
    case "noFix":
      if (raw === true || raw === 1 || raw === "true") found.hasFix = false;
      break;
    case "time":
      if (found.timeRaw === undefined) {
        found.timeRaw = raw;
        found.timePath = path;
      }
      break;
    case "battery":
      takeBattery(raw, isMilesight(uplink.device), found);
      break;
    case "count":
      found.count = readNumber(raw);
      break;
    default:
      takeList(meaning.kind, raw, path, found, uplink, parent);
  }
}

/** The first place in the payload is the device's; of two names for one coordinate the plainer one counts. */
function takeCoordinate(
  meaning: Extract<Meaning, { kind: "lat" | "lon" }>,
  raw: unknown,
  path: string,
  found: Findings,
): void {
  const known = found[meaning.kind];
  const isPlainer =
    known !== undefined && meaning.rank < known.rank && pathBefore(known.path) === pathBefore(path);
  if (known !== undefined && !isPlainer) return;
  found[meaning.kind] = { raw, field: meaning.field, path, rank: meaning.rank };
}

function takeEnergy(
  field: NumberField,
  channel: string | undefined,
  raw: unknown,
  path: string,
  found: Findings,
): void {
  if (!Array.isArray(raw)) {
    setEnergy(field, channel ?? "", raw, path, found);
    return;
  }
  // One value for each phase.
  if (channel !== undefined || raw.length > 3) return;
  for (const [at, entry] of raw.entries()) setEnergy(field, `L${at + 1}`, entry, `${path}.${at}`, found);
}

/** No grid has more; a radio's frequency has the same name. */
const maxGridHz = 1_000;

function setEnergy(field: NumberField, channel: string, raw: unknown, path: string, found: Findings): void {
  const value = readValue(raw, field);
  if (value === undefined) {
    if (isInfinite(raw)) found.problem ??= fieldProblem(raw, field, pathBefore(path));
    return;
  }
  if (field.to === "frequencyHz" && value > maxGridHz) return;
  let values = found.energy.get(channel);
  if (values === undefined) {
    values = {};
    found.energy.set(channel, values);
  }
  values[field.to] ??= value;
}

/** Batteries of sensors have less. */
const maxBatteryVolts = 5;

/** Percent, if it can be nothing else: decoders also write volts (3.6) and millivolts (4078) under this name. */
function takeBattery(raw: unknown, isPercent: boolean, found: Findings): void {
  const value = readNumber(raw);
  if (value === undefined || !Number.isInteger(value) || value < 0 || value > 100) return;
  if (!isPercent && value <= maxBatteryVolts) return;
  found.gps["batteryPct"] ??= value;
}

const noWords: ReadonlySet<unknown> = new Set([false, 0, "0", "false", "no", "none", "invalid", "no fix"]);

function isNo(raw: unknown): boolean {
  return noWords.has(typeof raw === "string" ? raw.trim().toLowerCase() : raw);
}

const geoLat = numberField("1", "lat");
const geoLon = numberField("0", "lon");

function takeList(
  kind: Meaning["kind"],
  raw: unknown,
  path: string,
  found: Findings,
  uplink: Uplink,
  parent: JsonObject,
): void {
  if (!Array.isArray(raw)) return;
  if (kind === "messages") {
    found.results.push(...readSenseCap(raw, uplink, path));
  } else if (kind === "history") {
    for (const [at, entry] of raw.slice(0, maxHistory).entries()) {
      if (isObject(entry))
        found.results.push(...readUplink(entry, { ...uplink, path: `${path}.${at}.` }).results);
    }
  } else if (parent["type"] === "Point" && raw.length >= 2) {
    // GeoJSON (RFC 7946, 3.1.1): longitude first.
    takeCoordinate({ kind: "lon", field: geoLon, rank: 0 }, raw[0], `${path}.0`, found);
    takeCoordinate({ kind: "lat", field: geoLat, rank: 0 }, raw[1], `${path}.1`, found);
  }
}

/** The payload's own time where it has a usable one; what is no time (a counter, a time of day) is not. */
function timeOf(found: Findings, uplink: Uplink): number | string {
  const { timeRaw } = found;
  if (typeof timeRaw !== "number" && typeof timeRaw !== "string") return uplink.time;
  const time = parseTime(timeRaw, uplink.zone, uplink.time);
  if (time === null || Number.isNaN(time)) return uplink.time;
  const observed = observedAt(timeRaw, found.timePath, uplink.receivedAt, uplink.zone);
  // The clock was never set (rule 1): the network's is nearer to the observation than the broker's.
  return observed === uplink.receivedAt ? uplink.time : observed;
}
