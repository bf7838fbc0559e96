import type { Reading, Values } from "../model/reading.ts";
import { fieldProblem, type NumberField, numberField, readValue } from "./fields.ts";
import { makeReading } from "./outcome.ts";

/** What was found in a decoded payload, before it is known what kind of device it is. */
export interface Findings {
  names: number;
  hasFix: boolean | undefined;
  lat: Coordinate | undefined;
  lon: Coordinate | undefined;
  timeRaw: unknown;
  timePath: string;
  count: number | undefined;
  readonly gps: Values;
  readonly road: Values;
  /** By channel, "" for what has none. */
  readonly energy: Map<string, Values>;
  readonly results: (Reading | string)[];
  problem: string | null;
}

export interface Coordinate {
  readonly raw: unknown;
  readonly field: NumberField;
  readonly path: string;
  readonly rank: number;
}

/** The path of the object that the last name of `path` stands in, with a dot at its end. */
export function pathBefore(path: string): string {
  return path.slice(0, path.lastIndexOf(".") + 1);
}

/** The position; null without a fix, a reason if a coordinate is missing or no good. */
export function positionOf(found: Findings, device: string, time: number): Reading | string | null {
  const { lat, lon, hasFix, gps } = found;
  if (hasFix === false) return null;
  const latValue = coordinateOf(lat, "latitude", lon);
  if (typeof latValue === "string") return latValue;
  const lonValue = coordinateOf(lon, "longitude", lat);
  if (typeof lonValue === "string") return lonValue;
  // Without any sign of a fix this is no place in the Gulf of Guinea (rule 6).
  if (latValue === 0 && lonValue === 0 && hasFix !== true && (gps["satellites"] ?? 0) === 0) return null;
  return { domain: "gps", device, time, values: { lat: latValue, lon: lonValue, ...gps } };
}

function coordinateOf(
  coordinate: Coordinate | undefined,
  name: string,
  other: Coordinate | undefined,
): number | string {
  if (coordinate === undefined)
    return `${pathBefore(other?.path ?? "")}${name}: missing; a position needs both`;
  const value = readValue(coordinate.raw, coordinate.field);
  if (value !== undefined) return value;
  const problem = fieldProblem(coordinate.raw, coordinate.field);
  return `${coordinate.path}${problem.slice(problem.indexOf(":"))}`;
}

/** What makes a device a meter; a voltage alone is mostly that of its own battery. */
const meterNames: readonly string[] = [
  "powerW",
  "apparentPowerVa",
  "reactivePowerVar",
  "powerFactor",
  "energyImportWh",
  "energyExportWh",
  "energyImportT1Wh",
  "energyImportT2Wh",
  "energyExportT1Wh",
  "energyExportT2Wh",
];

function isMeter(energy: ReadonlyMap<string, Values>): boolean {
  for (const [channel, values] of energy) {
    if (channel.startsWith("L")) return true;
    if (values["voltageV"] !== undefined && values["currentA"] !== undefined) return true;
    if (meterNames.some((name) => values[name] !== undefined)) return true;
  }
  return false;
}

/** Adds a reading for each channel, if the device is a meter at all. */
export function pushMeter(found: Findings, device: string, time: number): void {
  const { energy } = found;
  if (!isMeter(energy)) return;
  for (const [channel, values] of energy) {
    // Beside channels of its own, what has none is the device as a whole.
    const name = channel !== "" ? channel : energy.size > 1 ? "total" : undefined;
    found.results.push(makeReading("energy", device, name, time, values));
  }
}

const flow = numberField("flowVph", "flowVph");

/** Adds what a traffic counter measured, if the device is one. */
export function pushRoad(found: Findings, device: string, time: number): void {
  const { road, count, gps } = found;
  const intervalS = road["intervalS"];
  if (count !== undefined && typeof intervalS === "number" && intervalS > 0) {
    const value = readValue((count * 3600) / intervalS, flow);
    if (value !== undefined) road["flowVph"] ??= value;
  }
  if (road["flowVph"] !== undefined && gps["speedKmh"] !== undefined) road["speedKmh"] ??= gps["speedKmh"];
  if (road["flowVph"] === undefined && road["occupancyPct"] === undefined && road["speedKmh"] === undefined)
    return;
  found.results.push({ domain: "road", device, time, values: road });
}
