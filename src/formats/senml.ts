import type { Decoded } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { convert, fieldProblem, numberField, readNumber, readValue } from "./fields.ts";
import type { Format } from "./format.ts";
import { isObject, type JsonObject, readJson } from "./json-payload.ts";
import { makeReading, nothing, outcomes, quote, reject } from "./outcome.ts";
import { electricMeasure, positionMeasure, sumMeasure } from "./senml-measure.ts";
import { parseSenmlName, type SenmlName } from "./senml-name.ts";
import { checkObserved } from "./time.ts";
import type { Measure } from "./units.ts";

/** Most records of one pack. */
const maxRecords = 10_000;

/** Most names that a decoder has taken apart already; the oldest is forgotten first. */
const maxNames = 10_000;

/** The newest version of the format that is read here (RFC 8428, 4.4). */
const newestVersion = 10;

/** Times below are relative to now, in seconds (RFC 8428, 4.5.3). */
const leastAbsoluteS = 2 ** 28;

/** Value fields of which a record has exactly one (RFC 8428, 4.2). */
const valueLabels = ["v", "vs", "vb", "vd"] as const;

/**
 * Sensor Measurement Lists as JSON (RFC 8428): base fields carry forward, the unit says what was measured. Records of
 * one device and time make one reading; `lat` and `lon` are joined. A sum of power over time is energy. Strings,
 * booleans and units of other domains have nothing to say here.
 */
export const senml: Format = {
  name: "senml",
  title: "SenML measurement lists (RFC 8428)",
  topics: ["senml/#", "#/senml", "#/senml/+"],
  create() {
    const names = new Map<string, SenmlName | string>();
    return (packet) => {
      const json = readJson(packet.payload);
      if (json === null) return nothing;
      if (typeof json === "string") return reject(json);
      if (!Array.isArray(json.value))
        return reject(`payload: a SenML pack is a JSON list, not ${quote(json.value)}`);
      return readPack(json.value, packet.receivedAt, names);
    };
  },
};

/** The base fields in force (RFC 8428, 4.1). */
interface Base {
  name: string;
  timeS: number;
  unit: string;
  value: number | undefined;
  sum: number | undefined;
}

/** What is known of one device (or channel) at one time. */
interface Group {
  readonly device: string;
  readonly channel: string | undefined;
  readonly time: number;
  readonly isPosition: boolean;
  readonly values: Values;
  /** The last part of the name that set each value. */
  readonly setBy: Map<string, string>;
  readonly path: string;
}

/** A record with its base fields applied. */
interface Resolved {
  readonly name: SenmlName;
  readonly time: number;
  readonly unit: string;
  readonly path: string;
}

function readPack(
  records: readonly unknown[],
  receivedAt: number,
  names: Map<string, SenmlName | string>,
): Decoded {
  if (records.length > maxRecords)
    return reject(`payload: ${records.length} records; send at most ${maxRecords}`);
  const base: Base = { name: "", timeS: 0, unit: "", value: undefined, sum: undefined };
  const groups = new Map<string, Group>();
  const results: (Reading | string)[] = [];
  for (const [at, record] of records.entries()) {
    const path = `[${at}]`;
    if (!isObject(record)) {
      results.push(`${path}: ${quote(record)}; a record is an object`);
      continue;
    }
    // What the base fields say holds for every record that follows: if they are wrong, all is in doubt.
    const problem = understandingProblem(record, path) ?? readBase(record, base, path);
    if (problem !== null) return reject(problem);
    const wrong = readRecord(record, base, receivedAt, path, names, groups);
    if (wrong !== null) results.push(wrong);
  }
  for (const group of groups.values()) {
    const result = finishGroup(group);
    if (result !== null) results.push(result);
  }
  return outcomes(results);
}

/** RFC 8428, 4.4: an unknown label that ends in an underscore must be understood, and so must the version. */
function understandingProblem(record: JsonObject, path: string): string | null {
  for (const label in record) {
    if (label.endsWith("_")) return `${path}.${quote(label)}: this extension must be understood and is not`;
  }
  const version = readNumber(record["bver"]);
  if (version === undefined || version <= newestVersion) return null;
  return `${path}.bver: ${quote(record["bver"])} is not a version up to ${newestVersion}`;
}

function readBase(record: JsonObject, base: Base, path: string): string | null {
  const { bn, bu } = record as { readonly bn?: unknown; readonly bu?: unknown };
  if (bn !== undefined && bn !== null) {
    if (typeof bn !== "string") return `${path}.bn: ${quote(bn)} is not text`;
    base.name = bn;
  }
  if (bu !== undefined && bu !== null) {
    if (typeof bu !== "string") return `${path}.bu: ${quote(bu)} is not text`;
    base.unit = bu;
  }
  const timeS = readNumber(record["bt"]);
  const value = readNumber(record["bv"]);
  const sum = readNumber(record["bs"]);
  if (!isGood(timeS)) return `${path}.bt: ${quote(record["bt"])} is not a number of seconds`;
  if (!isGood(value)) return `${path}.bv: ${quote(record["bv"])} is not a number`;
  if (!isGood(sum)) return `${path}.bs: ${quote(record["bs"])} is not a number`;
  if (timeS !== undefined) base.timeS = timeS;
  if (value !== undefined) base.value = value;
  if (sum !== undefined) base.sum = sum;
  return null;
}

function isGood(number: number | undefined): boolean {
  return number === undefined || Number.isFinite(number);
}

function readRecord(
  record: JsonObject,
  base: Base,
  receivedAt: number,
  path: string,
  names: Map<string, SenmlName | string>,
  groups: Map<string, Group>,
): string | null {
  const problem = valueProblem(record, path);
  if (problem !== null) return problem;
  const value = total(base.value, record["v"], isMeasured(record));
  const sum = total(base.sum, record["s"], false);
  if (Number.isNaN(value)) return `${path}.v: ${quote(record["v"])} is not a number`;
  if (Number.isNaN(sum)) return `${path}.s: ${quote(record["s"])} is not a number`;
  if (value === undefined && sum === undefined) return null;
  const unit = record["u"] ?? "";
  if (typeof unit !== "string") return `${path}.u: ${quote(unit)} is not text`;
  const ownName = record["n"] ?? "";
  if (typeof ownName !== "string") return `${path}.n: ${quote(ownName)} is not text`;
  const name = nameOf(base.name, ownName, names);
  if (typeof name === "string") return `${path}.n: ${name}`;
  const time = timeOf(record, base, receivedAt, path);
  if (typeof time === "string") return time;
  const resolved: Resolved = { name, time, unit: unit === "" ? base.unit : unit, path };
  return setMeasured(resolved, value, groups) ?? setSum(resolved, sum, groups);
}

function valueProblem(record: JsonObject, path: string): string | null {
  let count = 0;
  for (const label of valueLabels) if (record[label] !== undefined && record[label] !== null) count++;
  return count > 1 ? `${path}: more than one of ${valueLabels.join(", ")}; a record has one value` : null;
}

/** True for a record that a base value alone can fill: it names or times a measurement, and has no value or sum. */
function isMeasured(record: JsonObject): boolean {
  if (record["vs"] !== undefined || record["vb"] !== undefined || record["vd"] !== undefined) return false;
  return record["s"] === undefined && (record["n"] !== undefined || record["t"] !== undefined);
}

/** A base value and a value are added; what is missing is zero (RFC 8428, 4.1). NaN if `raw` is no number. */
function total(base: number | undefined, raw: unknown, isFilled: boolean): number | undefined {
  const number = readNumber(raw);
  if (number === undefined) return isFilled ? base : undefined;
  return base === undefined ? number : convert(base + number, 1);
}

function nameOf(base: string, own: string, names: Map<string, SenmlName | string>): SenmlName | string {
  const key = `${base}\n${own}`;
  let name = names.get(key);
  if (name === undefined) {
    name = parseSenmlName(base, own);
    if (key.length > 1024) return name;
    if (names.size >= maxNames) names.delete(names.keys().next().value as string);
    names.set(key, name);
  }
  return name;
}

function timeOf(record: JsonObject, base: Base, receivedAt: number, path: string): number | string {
  const ownS = readNumber(record["t"]) ?? 0;
  const timeS = base.timeS + ownS;
  const isRelative = timeS < leastAbsoluteS;
  const time = Number.isFinite(timeS) ? Math.round(timeS * 1000) + (isRelative ? receivedAt : 0) : Number.NaN;
  return checkObserved(time, record["t"] ?? base.timeS, `${path}.t`, receivedAt);
}

function setMeasured(
  resolved: Resolved,
  value: number | undefined,
  groups: Map<string, Group>,
): string | null {
  if (value === undefined) return null;
  const { unit, name } = resolved;
  const position = positionMeasure(unit, name.last);
  const measure = position ?? electricMeasure(unit, name);
  return measure === undefined ? null : setValue(resolved, measure, value, position !== undefined, groups);
}

function setSum(resolved: Resolved, sum: number | undefined, groups: Map<string, Group>): string | null {
  const energy = sum === undefined ? undefined : sumMeasure(resolved.unit, resolved.name);
  return energy === undefined ? null : setValue(resolved, energy, sum as number, false, groups);
}

function setValue(
  { name, time, path }: Resolved,
  { to, scale }: Measure,
  number: number,
  isPosition: boolean,
  groups: Map<string, Group>,
): string | null {
  const field = numberField("v", to, scale);
  const value = readValue(number, field);
  if (value === undefined) return fieldProblem(number, field, `${path}.`);
  let group = groupOf(groups, name.device, isPosition ? undefined : name.channel, time, isPosition, path);
  const setter = group.setBy.get(to);
  // Two names for the same thing of the same device: they are told apart by the name itself.
  if (setter !== undefined && setter !== name.last && name.last !== "") {
    group = groupOf(groups, name.device, name.last, time, isPosition, path);
  }
  group.values[to] = value;
  group.setBy.set(to, name.last);
  return null;
}

function groupOf(
  groups: Map<string, Group>,
  device: string,
  channel: string | undefined,
  time: number,
  isPosition: boolean,
  path: string,
): Group {
  const key = `${isPosition ? "p" : "e"}${time} ${device} ${channel ?? ""}`;
  let group = groups.get(key);
  if (group === undefined) {
    group = { device, channel, time, isPosition, values: {}, setBy: new Map(), path };
    groups.set(key, group);
  }
  return group;
}

/** A position needs both of its halves; what was measured beside none (a battery's level) has no place of its own. */
function finishGroup({ device, channel, time, isPosition, values, path }: Group): Reading | string | null {
  if (!isPosition) return makeReading("energy", device, channel, time, values);
  const { lat, lon } = values as { readonly lat?: unknown; readonly lon?: unknown };
  if (lat === undefined && lon === undefined) return null;
  if (lat !== undefined && lon !== undefined) return makeReading("gps", device, channel, time, values);
  return `${path}: ${lat === undefined ? "lon without lat" : "lat without lon"} at the same time`;
}
