import type { Packet } from "../model/packet.ts";
import { type Domain, domains, type Reading, type Value, type Values } from "../model/reading.ts";
import {
  isInfinite,
  maxTextChars,
  type NumberField,
  numberField,
  readText,
  requireField,
  setField,
} from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isHostileName, type JsonObject, readJsonObject } from "./json-payload.ts";
import { currencyExponent } from "./money.ts";
import { makeReading, nothing, quote, reject } from "./outcome.ts";
import { readSegments, segmentsValue } from "./segments.ts";
import { observedAt, readTimeText } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";
import { congestionLevels, type NumberName, transitEvents } from "./vocabulary.ts";

/** Most values of one reading, known and other. */
const maxValues = 128;

/** Longest name of a value of the sender's own. */
const maxNameChars = 64;

/** What the contract says of a value: a number of a unit, one word of several, text, a point in time, a flag. */
type Kind = NumberField | ReadonlySet<string> | "text" | "time" | "flag" | "segments";

function numbers(...names: readonly NumberName[]): [string, Kind][] {
  return names.map((name) => [name, numberField(name, name)]);
}

function kinds(kind: Kind, ...names: readonly string[]): [string, Kind][] {
  return names.map((name) => [name, kind]);
}

/** The values of each domain, from the fixtures' contract. */
const known: Readonly<Record<Domain, ReadonlyMap<string, Kind>>> = {
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
      ...(["energyExportT1Wh", "energyExportT2Wh"] as const),
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

/**
 * Fieldcast's own format, for devices that can send what the contract asks for: `telemetry/<domain>/<device…>` with one
 * flat JSON object of values, beside them `time` (ISO 8601, or epoch seconds or milliseconds) and `channel`. Values of
 * other names are kept when they are numbers, booleans or short text.
 */
export const native: Format = {
  name: "native",
  title: "Fieldcast's own JSON",
  topics: ["telemetry/#"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    return (packet) => {
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const result = readNative(packet, payload, zone);
      if (result === null) return nothing;
      return typeof result === "string" ? reject(result) : { readings: [result], rejected: null };
    };
  },
};

function readNative(packet: Packet, payload: JsonObject, zone: TimeZone | null): Reading | string | null {
  const second = packet.topic.indexOf("/") + 1;
  const third = packet.topic.indexOf("/", second) + 1;
  const domain = domains.find((name) => name === packet.topic.slice(second, third - 1));
  if (domain === undefined) return `topic: the second level must be one of ${domains.join(", ")}`;
  const device = packet.topic.slice(third);
  if (device === "" || device[0] === "/" || device.endsWith("/") || device.includes("//"))
    return "topic: the device's id is missing or has an empty level";
  if (domain === "gps" && hasNoFix(payload)) return null;
  const values: Values = {};
  const problem = readValues(payload, known[domain], values, packet.receivedAt, zone);
  if (problem !== null) return problem;
  const missing = completeReading(domain, payload, values, packet.receivedAt);
  if (missing !== null) return missing;
  const time = observedAt(payload["time"], "time", packet.receivedAt, zone);
  if (typeof time === "string") return time;
  const channel = channelOf(domain, payload, values);
  if (channel === null)
    return `channel: ${quote(payload["channel"])} is not a name of at most ${maxTextChars} characters`;
  return makeReading(domain, device, channel, time, values);
}

/** Rule 6: without a valid fix there is no position. Coordinates near 0,0 with satellites are real. */
function hasNoFix(payload: JsonObject): boolean {
  if (payload["fix"] === false || payload["valid"] === false || payload["outdated"] === true) return true;
  return payload["satellites"] === 0 && payload["lat"] === 0 && payload["lon"] === 0;
}

function readValues(
  payload: JsonObject,
  table: ReadonlyMap<string, Kind>,
  values: Values,
  receivedAt: number,
  zone: TimeZone | null,
): string | null {
  let count = 0;
  for (const name in payload) {
    const raw = payload[name];
    if (raw === null || raw === "" || name === "time" || name === "channel") continue;
    const kind = table.get(name);
    if (kind === undefined) {
      if (isInfinite(raw)) return `${name}: ${quote(raw)} is not a finite number`;
      if (isKept(name, raw)) values[name] = typeof raw === "number" ? raw + 0 : raw;
      else continue;
    } else if (typeof kind === "object" && "from" in kind) {
      const problem = setField(raw, kind, values);
      if (problem !== null) return problem;
    } else {
      const value = readKind(raw, kind, receivedAt, zone);
      if (value !== undefined) values[name] = value;
    }
    if (++count > maxValues) return `payload: more than ${maxValues} values; split the message`;
  }
  return null;
}

function isKept(name: string, raw: unknown): raw is string | number | boolean {
  if (name === "" || name.length > maxNameChars) return false;
  if (typeof raw === "string") return raw.length <= maxTextChars;
  return typeof raw === "number" || typeof raw === "boolean";
}

function readKind(
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
  if (kind === "time") {
    return readTimeText(raw, zone, receivedAt);
  }
  return typeof raw === "string" && kind.has(raw) ? raw : undefined;
}

/** The contract's "at least" column; says what is missing or wrong. */
function completeReading(
  domain: Domain,
  payload: JsonObject,
  values: Values,
  receivedAt: number,
): string | null {
  if (domain === "gps") return requirePosition(payload, values);
  if (domain === "transit") return requireEvent(payload, values);
  if (domain === "fare") return requireQuote(payload, values, receivedAt);
  for (const name in values) if (known[domain].has(name)) return null;
  return `payload: no ${domain} value; send at least one of ${[...known[domain].keys()].join(", ")}`;
}

const lat = numberField("lat", "lat");
const lon = numberField("lon", "lon");

function requirePosition(payload: JsonObject, values: Values): string | null {
  if (typeof values["lat"] === "number" && typeof values["lon"] === "number") return null;
  const wrong = requireField(payload, values["lat"] === undefined ? lat : lon);
  return typeof wrong === "string" ? wrong : null;
}

function requireEvent(payload: JsonObject, values: Values): string | null {
  if (values["event"] === undefined) {
    return `event: ${quote(payload["event"])}; send one of ${[...transitEvents].join(", ")}`;
  }
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

function requireQuote(payload: JsonObject, values: Values, receivedAt: number): string | null {
  for (const name of ["quoteId", "origin", "destination", "currency"]) {
    if (values[name] === undefined) return `${name}: ${quote(payload[name])}; a fare needs it as text`;
  }
  const exponent = currencyExponent(values["currency"] as string);
  if (exponent === undefined) return `currency: ${quote(values["currency"])} is not an ISO 4217 code`;
  if (values["amountMinor"] === undefined) {
    const wrong = requireField(payload, numberField("amountMinor", "amountMinor"));
    return `${wrong}; send integer minor units`;
  }
  if (values["exponent"] !== undefined && values["exponent"] !== exponent) {
    return `exponent: ${quote(values["exponent"])} is not the ${exponent} of ${values["currency"]} (ISO 4217)`;
  }
  values["exponent"] = exponent;
  const expiresAt = values["expiresAt"];
  if (typeof expiresAt === "string") values["expired"] = Date.parse(expiresAt) <= receivedAt;
  return null;
}

/** The channel, undefined where there is none, null if it is no good. A quote is its own channel. */
function channelOf(domain: Domain, payload: JsonObject, values: Values): string | undefined | null {
  const raw = payload["channel"];
  if (raw === undefined || raw === null || raw === "") {
    return domain === "fare" ? (values["quoteId"] as string) : undefined;
  }
  const channel = readText(raw);
  return channel === undefined || isHostileName(channel) ? null : channel;
}
