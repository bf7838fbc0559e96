import { congestionLevels } from "../model/congestion.ts";
import { currencyExponent } from "../model/currency.ts";
import type { Domain, Value, Values } from "../model/reading.ts";
import { maxTextChars, type NumberField, numberField, readText } from "./fields.ts";
import { quote } from "./outcome.ts";
import { readSegments, segmentsValue } from "./segments.ts";
import { readTimeText } from "./time.ts";
import type { TimeZone } from "./timezone.ts";
import { type NumberName, transitEvents } from "./vocabulary.ts";

/** Most values of one reading, known and other. */
export const maxValues = 128;

/** What the contract says of a value: a number of a unit, one word of several, text, a point in time, a flag. */
export type Kind = NumberField | ReadonlySet<string> | "text" | "time" | "flag" | "segments";

function numbers(...names: readonly NumberName[]): [string, Kind][] {
  return names.map((name) => [name, numberField(name, name)]);
}

function kinds(kind: Kind, ...names: readonly string[]): [string, Kind][] {
  return names.map((name) => [name, kind]);
}

/** The values of each domain, from the fixtures' contract. */
export const knownValues: Readonly<Record<Domain, ReadonlyMap<string, Kind>>> = {
  gps: new Map(
    numbers(
      ...(["lat", "lon", "altM", "speedKmh", "courseDeg", "accuracyM", "batteryPct"] as const),
      ...(["satellites", "hdop", "odometerM"] as const),
    ),
  ),
  energy: new Map(
    numbers(
      ...(["powerW", "apparentPowerVa", "reactivePowerVar", "powerFactor", "voltageV", "currentA"] as const),
      ...([
        "frequencyHz",
        "energyImportWh",
        "energyExportWh",
        "energyImportT1Wh",
        "energyImportT2Wh",
      ] as const),
      ...(["energyExportT1Wh", "energyExportT2Wh", "priceMinorPerMwh"] as const),
    ),
  ),
  road: new Map([
    ...numbers("speedKmh", "flowVph", "occupancyPct", "intervalS", "speedRatio"),
    ...kinds(congestionLevels, "congestionLevel"),
  ]),
  transit: new Map([
    ...kinds(transitEvents, "event"),
    ...numbers(
      "lat",
      "lon",
      "speedKmh",
      "courseDeg",
      "delayS",
      "directionId",
      "arrivalDelayS",
      "departureDelayS",
    ),
    ...kinds("text", "routeId", "tripId", "stopId", "nextStopId", "startTime", "operatingDay"),
    ...kinds("time", "scheduledArrival", "scheduledDeparture", "expectedArrival", "expectedDeparture"),
  ]),
  fare: new Map([
    ...kinds("text", "quoteId", "origin", "destination", "currency", "cabin"),
    ...numbers("exponent", "amountMinor", "baseMinor", "taxMinor"),
    ...kinds("time", "expiresAt"),
    ...kinds("flag", "expired"),
    ...kinds("segments", "segments"),
  ]),
};

/** Longest name of a value of the sender's own. */
const maxNameChars = 64;

/** True for a value of the sender's own that is kept beside the known ones: a number, a boolean or short text. */
export function isKept(name: string, raw: unknown): raw is string | number | boolean {
  if (name === "" || name.length > maxNameChars) return false;
  if (typeof raw === "string") return raw.length <= maxTextChars;
  return typeof raw === "number" || typeof raw === "boolean";
}

/** A value that is no number, read by its kind; `undefined` where there is none or it is no good. */
export function readKind(
  raw: unknown,
  kind: Exclude<Kind, NumberField>,
  receivedAt: number,
  zone: TimeZone | null,
): Value | undefined {
  if (kind === "text") return readText(raw);
  if (kind === "flag") return typeof raw === "boolean" ? raw : undefined;
  if (kind === "segments") {
    const segments = readSegments(raw);
    return segments === undefined ? undefined : segmentsValue(segments);
  }
  if (kind === "time") return readTimeText(raw, zone, receivedAt);
  return typeof raw === "string" && kind.has(raw) ? raw : undefined;
}

/** Says of one value why it is not there, and of null why there is no value at all. */
export type Explain = (name: string | null) => string;

/**
 * The contract's "at least" column: null if the reading is complete, else what is missing or wrong. Half a position of an
 * event is dropped, and a fare gets its `exponent` and `expired`.
 */
export function completeReading(
  domain: Domain,
  values: Values,
  receivedAt: number,
  explain: Explain,
): string | null {
  if (domain === "gps") return completePosition(values, explain);
  if (domain === "transit") return completeEvent(values, explain);
  if (domain === "fare") return completeQuote(values, receivedAt, explain);
  for (const name in values) if (knownValues[domain].has(name)) return null;
  return explain(null);
}

function completePosition(values: Values, explain: Explain): string | null {
  if (typeof values["lat"] === "number" && typeof values["lon"] === "number") return null;
  return explain(values["lat"] === undefined ? "lat" : "lon");
}

function completeEvent(values: Values, explain: Explain): string | null {
  if (values["event"] === undefined)
    return `${explain("event")}; send one of ${[...transitEvents].join(", ")}`;
  const hasPosition = values["lat"] !== undefined && values["lon"] !== undefined;
  if (!hasPosition) {
    delete values["lat"];
    delete values["lon"];
  }
  for (const name of ["delayS", "arrivalDelayS", "departureDelayS", "stopId", "nextStopId"]) {
    if (values[name] !== undefined) return null;
  }
  return hasPosition ? null : "payload: an event needs lat and lon, delayS or stopId";
}

function completeQuote(values: Values, receivedAt: number, explain: Explain): string | null {
  for (const name of ["quoteId", "origin", "destination", "currency"]) {
    if (values[name] === undefined) return `${explain(name)}; a fare needs it as text`;
  }
  const exponent = currencyExponent(values["currency"] as string);
  if (exponent === undefined) return `currency: ${quote(values["currency"])} is not an ISO 4217 code`;
  if (values["amountMinor"] === undefined) return `${explain("amountMinor")}; send integer minor units`;
  if (values["exponent"] !== undefined && values["exponent"] !== exponent) {
    return `exponent: ${quote(values["exponent"])} is not the ${exponent} of ${values["currency"]} (ISO 4217)`;
  }
  values["exponent"] = exponent;
  const expiresAt = values["expiresAt"];
  if (typeof expiresAt === "string") values["expired"] = Date.parse(expiresAt) <= receivedAt;
  return null;
}
