import type { Decoded } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { fieldProblem, type NumberField, readNumber, readValue } from "./fields.ts";
import { isObject, type JsonObject } from "./json-payload.ts";
import { makeReading, outcomes, quote, reject } from "./outcome.ts";
import type { SenmlMeaning, SenmlMeanings } from "./senml-measure.ts";
import { checkObserved } from "./time.ts";

/** Most records of one pack. */
const maxRecords = 10_000;

/** The newest version of the format that is read here (RFC 8428, 4.4). */
const newestVersion = 10;

/** Times below are relative to now, in seconds (RFC 8428, 4.5.3). */
const leastAbsoluteS = 2 ** 28;

const underscore = "_".charCodeAt(0);

/** What is known of one device (or channel) at one time. */
interface Group {
  readonly device: string;
  readonly channel: string | undefined;
  readonly place: string;
  readonly time: number;
  readonly isPosition: boolean;
  readonly values: Values;
  /** The last part of the name that set each value. */
  readonly setBy: { [value: string]: string };
  /** The first record that belongs to it. */
  readonly at: number;
}

/** The fields of a record that are its own. */
interface OwnFields {
  name: unknown;
  unit: unknown;
  value: unknown;
  sum: unknown;
  time: unknown;
  /** How many values it has: a number, a text, a flag or data. */
  values: number;
}

/** Reads a SenML pack: base fields carry forward (RFC 8428, 4.1), records of one place and time make one reading. */
export function readPack(records: readonly unknown[], receivedAt: number, meanings: SenmlMeanings): Decoded {
  if (records.length > maxRecords) {
    return reject(`payload: ${records.length} records; send at most ${maxRecords}`);
  }
  return new Pack(receivedAt, meanings).read(records);
}

class Pack {
  readonly #receivedAt: number;
  readonly #meanings: SenmlMeanings;
  readonly #groups = new Map<string, Map<number, Group>>();
  readonly #results: (Reading | string)[] = [];
  #newest: Group | null = null;
  // The base fields in force.
  #baseName = "";
  #baseUnit = "";
  #baseTimeS = 0;
  #baseValue: number | undefined;
  #baseSum: number | undefined;

  constructor(receivedAt: number, meanings: SenmlMeanings) {
    this.#receivedAt = receivedAt;
    this.#meanings = meanings;
  }

  read(records: readonly unknown[]): Decoded {
    for (let at = 0; at < records.length; at++) {
      const record = records[at];
      if (!isObject(record)) {
        this.#results.push(`[${at}]: ${quote(record)}; a record is an object`);
        continue;
      }
      const own: OwnFields = { name: "", unit: "", value: null, sum: null, time: null, values: 0 };
      // What the base fields say holds for every record that follows: if they are wrong, all is in doubt.
      const doubt = this.#sortFields(record, own);
      if (doubt !== null) return reject(`[${at}].${doubt}`);
      const problem = this.#readRecord(own, at);
      if (problem !== null) this.#results.push(`[${at}]${problem}`);
    }
    for (const groups of this.#groups.values()) for (const group of groups.values()) this.#finish(group);
    return outcomes(this.#results);
  }

  /** Takes base fields and finds the record's own; a reason if the pack cannot be understood. */
  #sortFields(record: JsonObject, own: OwnFields): string | null {
    for (const label in record) {
      const raw = record[label];
      if (raw === null) continue;
      let problem: string | null = null;
      if (label === "n") own.name = raw;
      else if (label === "u") own.unit = raw;
      else if (label === "t") own.time = raw;
      else if (label === "s") own.sum = raw;
      else if (label === "v") {
        own.value = raw;
        own.values++;
      } else if (label === "vs" || label === "vb" || label === "vd") own.values++;
      else if (label.charCodeAt(0) === 0x62) problem = this.#takeBase(label, raw);
      if (problem !== null) return problem;
      // RFC 8428, 4.4: what ends so must be understood or refused.
      if (label.charCodeAt(label.length - 1) === underscore) {
        return `${quote(label)}: this extension must be understood and is not`;
      }
    }
    return null;
  }

  #takeBase(label: string, raw: unknown): string | null {
    if (label === "bn" || label === "bu") {
      if (typeof raw !== "string") return `${label}: ${quote(raw)} is not text`;
      if (label === "bn") this.#baseName = raw;
      else this.#baseUnit = raw;
      return null;
    }
    if (label !== "bt" && label !== "bv" && label !== "bs" && label !== "bver") return null;
    const number = readNumber(raw);
    if (number === undefined) return null;
    if (!Number.isFinite(number)) return `${label}: ${quote(raw)} is not a finite number`;
    if (label === "bt") this.#baseTimeS = number;
    else if (label === "bv") this.#baseValue = number;
    else if (label === "bs") this.#baseSum = number;
    else if (number > newestVersion) return `bver: ${quote(raw)} is not a version up to ${newestVersion}`;
    return null;
  }

  #readRecord(own: OwnFields, at: number): string | null {
    if (own.values > 1) return ": more than one of v, vs, vb, vd; a record has one value";
    const value = this.#valueOf(own);
    const ownSum = own.sum === null ? undefined : readNumber(own.sum);
    if (value === undefined && ownSum === undefined) return null;
    if (Number.isNaN(value)) return `.v: ${quote(own.value)} is not a number`;
    if (Number.isNaN(ownSum)) return `.s: ${quote(own.sum)} is not a number`;
    if (typeof own.name !== "string") return `.n: ${quote(own.name)} is not text`;
    if (typeof own.unit !== "string") return `.u: ${quote(own.unit)} is not text`;
    const unit = own.unit === "" ? this.#baseUnit : own.unit;
    const meaning = this.#meanings.of(this.#baseName, own.name, unit);
    if (typeof meaning === "string") return `.n: ${meaning}`;
    const time = this.#timeOf(own.time);
    if (typeof time === "string") return time;
    const problem = value === undefined ? null : this.#set(meaning, meaning.value, value, time, at);
    if (problem !== null || ownSum === undefined) return problem;
    return this.#set(meaning, meaning.sum, ownSum + (this.#baseSum ?? 0), time, at);
  }

  /**
   * Base value and value are added, and what is missing is zero; NaN where the value is no number. A base value alone
   * fills a record that names or times a measurement and has neither value nor sum.
   */
  #valueOf({ name, value, sum, time, values }: OwnFields): number | undefined {
    const number = value === null ? undefined : readNumber(value);
    const base = this.#baseValue;
    if (base === undefined) return number;
    if (number !== undefined) return base + number;
    return values === 0 && sum === null && (name !== "" || time !== null) ? base : undefined;
  }

  #timeOf(raw: unknown): number | string {
    const timeS = this.#baseTimeS + (raw === null ? 0 : (readNumber(raw) ?? 0));
    if (!Number.isFinite(timeS)) return `.t: ${quote(raw)} is not a time in seconds`;
    const time = Math.round(timeS * 1000) + (timeS < leastAbsoluteS ? this.#receivedAt : 0);
    const observed = checkObserved(time, raw ?? this.#baseTimeS, ".t", this.#receivedAt);
    return observed;
  }

  #set(
    meaning: SenmlMeaning,
    field: NumberField | undefined,
    number: number,
    time: number,
    at: number,
  ): string | null {
    if (field === undefined) return null;
    const value = readValue(number, field);
    if (value === undefined) return fieldProblem(number, field, ".");
    const { device, channel, last } = meaning.name;
    const isPosition = meaning.isPosition && field === meaning.value;
    let group = this.#groupAt(meaning.place, device, isPosition ? undefined : channel, isPosition, time, at);
    const setter = group.setBy[field.to];
    // Two names for the same thing of the same device: they are told apart by the name itself.
    if (setter !== undefined && setter !== last && last !== "") {
      group = this.#groupAt(`${last}\n${device}`, device, last, isPosition, time, at);
    }
    group.values[field.to] = value;
    group.setBy[field.to] = last;
    return null;
  }

  #groupAt(
    place: string,
    device: string,
    channel: string | undefined,
    isPosition: boolean,
    time: number,
    at: number,
  ): Group {
    if (this.#newest?.time === time && this.#newest.place === place) return this.#newest;
    let groups = this.#groups.get(place);
    if (groups === undefined) {
      groups = new Map();
      this.#groups.set(place, groups);
    }
    let group = groups.get(time);
    if (group === undefined) {
      group = { device, channel, place, time, isPosition, values: {}, setBy: {}, at };
      groups.set(time, group);
    }
    this.#newest = group;
    return group;
  }

  /** A position needs both of its halves; what was measured beside none (a battery's level) has no place of its own. */
  #finish({ device, channel, time, isPosition, values, at }: Group): void {
    if (!isPosition) {
      this.#results.push(makeReading("energy", device, channel, time, values));
      return;
    }
    const hasLat = values["lat"] !== undefined;
    const hasLon = values["lon"] !== undefined;
    if (hasLat && hasLon) this.#results.push(makeReading("gps", device, undefined, time, values));
    else if (hasLat !== hasLon) {
      const half = hasLat ? "lat without lon" : "lon without lat";
      this.#results.push(`[${at}]: ${half} at the same time`);
    }
  }
}
