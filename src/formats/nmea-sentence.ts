import type { Values } from "../model/reading.ts";
import { type NumberField, numberField, readNumber, readValue } from "./fields.ts";
import { quote } from "./outcome.ts";

/** What one sentence says, merged into what its neighbours say of the same instant. */
export interface Epoch {
  /** Milliseconds since midnight UTC; undefined until a sentence tells. */
  timeOfDay: number | undefined;
  /** Midnight UTC of the day in epoch milliseconds; undefined until a sentence tells (RMC, ZDA). */
  day: number | undefined;
  /** True once a sentence says that there is no fix. */
  isVoid: boolean;
  /** What GSA sentences say, one for each satellite system: true once one has a fix, false if only others came. */
  hasSatellites: boolean | undefined;
  readonly values: Values;
}

/** An epoch that nothing is known of. */
export function newEpoch(): Epoch {
  return { timeOfDay: undefined, day: undefined, isVoid: false, hasSatellites: undefined, values: {} };
}

/** Reads a sentence's fields into the epoch; a reason if a required one is no good. */
type Reader = (fields: readonly string[], epoch: Epoch) => string | null;

/** A kind of sentence that is read. */
interface Sentence {
  readonly read: Reader;
  /** Which field has the time of day, 0 for none. */
  readonly time: number;
  /** Fewest fields, the address included: a sentence without a checksum that has fewer was cut short. */
  readonly minFields: number;
}

const knots = numberField("speed", "speedKmh", 1.852);
const kmh = numberField("speed", "speedKmh");
const course = numberField("course", "courseDeg");
const altitude = numberField("altitude", "altM");
const satellites = numberField("satellites", "satellites");
const hdop = numberField("hdop", "hdop");

/**
 * The sentences with positions and what belongs to them, by the last three letters of the address; the first two name
 * the talker (GP, GN, GL, …). Field numbers are those of NMEA 0183, the address being field 0.
 */
const sentences: ReadonlyMap<string, Sentence> = new Map([
  ["RMC", { read: readRmc, time: 1, minFields: 10 }],
  ["GGA", { read: readGga, time: 1, minFields: 11 }],
  ["GNS", { read: readGns, time: 1, minFields: 10 }],
  ["GLL", { read: readGll, time: 5, minFields: 7 }],
  ["VTG", { read: readVtg, time: 0, minFields: 9 }],
  ["GSA", { read: readGsa, time: 0, minFields: 18 }],
  ["ZDA", { read: readZda, time: 1, minFields: 5 }],
]);

/** A sentence whose checksum is good and whose kind is read here. */
export interface ParsedSentence {
  readonly name: string;
  readonly timeOfDay: number | undefined;
  readonly apply: (epoch: Epoch) => string | null;
}

/**
 * Reads one line, `$GPRMC,…*4B` without its line end. Null for sentences that have nothing for us; a reason for a line
 * that is no sentence, has a wrong checksum, or has no checksum and was cut short. The checksum is the exclusive or of
 * what stands between `$` and `*` (NMEA 0183, 5.3).
 */
export function parseSentence(line: string): ParsedSentence | string | null {
  if (line[0] !== "$" && line[0] !== "!") return notASentence(line);
  const star = line.lastIndexOf("*");
  const body = star === -1 ? line.slice(1) : line.slice(1, star);
  if (star !== -1 && !isChecksum(body, line.slice(star + 1))) {
    return `${quote(line.slice(0, 6))}: the checksum ${quote(line.slice(star + 1))} is not that of the sentence`;
  }
  const fields = body.split(",");
  const address = fields[0] as string;
  const sentence = isProprietary(address) ? undefined : sentences.get(address.slice(2));
  if (line[0] !== "$" || sentence === undefined) return isAddress(address) ? null : notASentence(line);
  if (star === -1 && fields.length < sentence.minFields) {
    return `${address}: the sentence is cut short; send it whole, with its checksum`;
  }
  const time = sentence.time === 0 ? "" : (fields[sentence.time] ?? "");
  const timeOfDay = readTimeOfDay(time);
  if (Number.isNaN(timeOfDay)) return `${address}: the time ${quote(time)} is not hhmmss`;
  return { name: address, timeOfDay, apply: (epoch) => sentence.read(fields, epoch) };
}

function notASentence(line: string): string {
  return `payload: ${quote(line)} is not an NMEA sentence`;
}

function isProprietary(address: string): boolean {
  return address.length !== 5 || address[0] === "P";
}

function isAddress(address: string): boolean {
  return /^[A-Z][A-Z0-9]{2,14}$/.test(address);
}

function isChecksum(body: string, written: string): boolean {
  let sum = 0;
  for (let at = 0; at < body.length; at++) sum ^= body.charCodeAt(at);
  return /^[0-9A-Fa-f]{2}$/.test(written) && Number.parseInt(written, 16) === sum;
}

const timePattern = /^([01]\d|2[0-3])([0-5]\d)([0-5]\d|60)(?:\.(\d*))?$/;

/** `hhmmss[.sss]` in milliseconds since midnight; undefined if it is empty, NaN if it is something else. */
function readTimeOfDay(text: string): number | undefined {
  if (text === "") return undefined;
  const match = timePattern.exec(text);
  if (match === null) return Number.NaN;
  const seconds = (Number(match[1]) * 60 + Number(match[2])) * 60 + Number(match[3]);
  return seconds * 1000 + Number((match[4] ?? "").slice(0, 3).padEnd(3, "0"));
}

/** Recommended minimum: time, status, position, speed, course, date, magnetic variation, mode. */
function readRmc(fields: readonly string[], epoch: Epoch): string | null {
  const isVoid = fields[2] !== "A" || fields[12] === "N";
  const date = fields[9] ?? "";
  if (date !== "") {
    const day = readDate(date);
    // A receiver without a fix may not know the date either, and write 000000.
    if (day === undefined)
      return isVoid ? voidEpoch(epoch) : `${fields[0]}: the date ${quote(date)} is not ddmmyy`;
    epoch.day = day;
  }
  if (isVoid) return voidEpoch(epoch);
  setNumber(epoch.values, fields[7], knots);
  setNumber(epoch.values, fields[8], course);
  return setPosition(fields, 3, epoch);
}

/** Fix data: time, position, quality, satellites, HDOP, altitude and its unit. */
function readGga(fields: readonly string[], epoch: Epoch): string | null {
  const quality = readNumber(fields[6]) ?? 0;
  // 7 is a position typed in by hand, 8 comes from a simulator.
  if (!(quality > 0) || quality === 7 || quality === 8) return voidEpoch(epoch);
  setNumber(epoch.values, fields[7], satellites);
  setNumber(epoch.values, fields[8], hdop);
  if (fields[10] === undefined || fields[10] === "" || fields[10] === "M") {
    setNumber(epoch.values, fields[9], altitude);
  }
  return setPosition(fields, 2, epoch);
}

/** Fix data of several satellite systems: time, position, one mode letter for each system, satellites, HDOP, altitude. */
function readGns(fields: readonly string[], epoch: Epoch): string | null {
  const modes = fields[6] ?? "";
  if (/^N*$/.test(modes)) return voidEpoch(epoch);
  setNumber(epoch.values, fields[7], satellites);
  setNumber(epoch.values, fields[8], hdop);
  setNumber(epoch.values, fields[9], altitude);
  return setPosition(fields, 2, epoch);
}

/** Position, time, status, mode. */
function readGll(fields: readonly string[], epoch: Epoch): string | null {
  if (fields[6] !== "A" || fields[7] === "N") return voidEpoch(epoch);
  return setPosition(fields, 1, epoch);
}

/** Course (true), T, course (magnetic), M, speed in knots, N, speed in km/h, K, mode. */
function readVtg(fields: readonly string[], epoch: Epoch): null {
  if (fields[9] === "N") return null;
  setNumber(epoch.values, fields[1], course);
  if (epoch.values["speedKmh"] === undefined && !setNumber(epoch.values, fields[5], knots)) {
    setNumber(epoch.values, fields[7], kmh);
  }
  return null;
}

/**
 * Active satellites: mode, kind of fix (1 none), twelve ids, PDOP, HDOP, VDOP. Receivers of several systems send one for
 * each, and a system that adds nothing to the fix says 1.
 */
function readGsa(fields: readonly string[], epoch: Epoch): null {
  if (fields[2] === "1") {
    epoch.hasSatellites ??= false;
    return null;
  }
  epoch.hasSatellites = true;
  if (epoch.values["hdop"] === undefined) setNumber(epoch.values, fields[16], hdop);
  return null;
}

/** Time and date: time, day, month, year with four digits. */
function readZda(fields: readonly string[], epoch: Epoch): string | null {
  const [, , day, month, year] = fields;
  // Before GPS began: a receiver that has not heard the date yet.
  if (year === undefined || year === "" || Number(year) < 1900 + firstYear) return null;
  const midnight = midnightOf(Number(year), Number(month), Number(day));
  if (midnight === undefined || !/^\d{4}$/.test(year)) return `${fields[0]}: the date is not dd,mm,yyyy`;
  epoch.day = midnight;
  return null;
}

function voidEpoch(epoch: Epoch): null {
  epoch.isVoid = true;
  return null;
}

function setNumber(values: Values, raw: string | undefined, field: NumberField): boolean {
  const value = readValue(raw, field);
  if (value === undefined) return false;
  values[field.to] = value;
  return true;
}

/** Two-digit years from here on are of the last century: GPS began in 1980. */
const firstYear = 80;

function readDate(text: string): number | undefined {
  if (!/^\d{6}$/.test(text)) return undefined;
  const year = Number(text.slice(4));
  const century = year >= firstYear ? 1900 : 2000;
  return midnightOf(century + year, Number(text.slice(2, 4)), Number(text.slice(0, 2)));
}

function midnightOf(year: number, month: number, day: number): number | undefined {
  const midnight = Date.UTC(year, month - 1, day);
  const date = new Date(midnight);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? midnight : undefined;
}

/** Sets the position whose four fields begin at `from`; both coordinates or none. */
function setPosition(fields: readonly string[], from: number, epoch: Epoch): string | null {
  const lat = readAngle(fields[from], fields[from + 1], "N", "S", 90);
  if (lat === undefined) return `${fields[0]}: the latitude ${pair(fields, from)} is not ddmm.mmmm,N or S`;
  const lon = readAngle(fields[from + 2], fields[from + 3], "E", "W", 180);
  if (lon === undefined)
    return `${fields[0]}: the longitude ${pair(fields, from + 2)} is not dddmm.mmmm,E or W`;
  epoch.values["lat"] = lat;
  epoch.values["lon"] = lon;
  return null;
}

function pair(fields: readonly string[], at: number): string {
  return quote(`${fields[at] ?? ""},${fields[at + 1] ?? ""}`);
}

/** A tenth of a millimetre is about 1e-9 degrees; division leaves noise beyond it. */
const angleUnits = 1e9;

/** Degrees and minutes without a separator: the last two digits before the point are minutes. */
function readAngle(
  text: string | undefined,
  side: string | undefined,
  positive: string,
  negative: string,
  max: number,
): number | undefined {
  if (text === undefined || (side !== positive && side !== negative)) return undefined;
  const match = /^(\d{0,3})(\d\d(?:\.\d{0,12})?)$/.exec(text.trim());
  if (match === null) return undefined;
  const minutes = Number(match[2]);
  const degrees = Number(match[1]) + minutes / 60;
  if (minutes >= 60 || degrees > max) return undefined;
  const rounded = Math.round(degrees * angleUnits) / angleUnits;
  return side === negative ? 0 - rounded : rounded;
}
