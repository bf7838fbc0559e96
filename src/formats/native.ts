import type { Packet } from "../model/packet.ts";
import { type Domain, domains, type Reading, type Values } from "../model/reading.ts";
import { addCongestion, freeFlowOf } from "./congestion.ts";
import { fieldProblem, hasEmptyLevel, isInfinite, maxTextChars, readText, setField } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isHostileName, type JsonObject, readJsonObject } from "./json-payload.ts";
import { completeReading, isKept, type Kind, knownValues, maxValues, readKind } from "./known-values.ts";
import { makeReading, nothing, quote, reject } from "./outcome.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

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
    const freeFlowKmh = freeFlowOf(settings);
    return (packet) => {
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const result = readNative(packet, payload, zone, freeFlowKmh);
      if (result === null) return nothing;
      return typeof result === "string" ? reject(result) : { readings: [result], rejected: null };
    };
  },
};

function readNative(
  packet: Packet,
  payload: JsonObject,
  zone: TimeZone | null,
  freeFlowKmh: number | null,
): Reading | string | null {
  const second = packet.topic.indexOf("/") + 1;
  const third = packet.topic.indexOf("/", second) + 1;
  const level = packet.topic.slice(second, third - 1);
  const domain = domains.find((name) => name === level);
  if (domain === undefined) return `topic: the second level must be one of ${domains.join(", ")}`;
  const device = packet.topic.slice(third);
  if (hasEmptyLevel(device)) return "topic: the device's id is missing or has an empty level";
  if (domain === "gps" && hasNoFix(payload)) return null;
  const values: Values = {};
  const problem = readValues(payload, knownValues[domain], values, packet.receivedAt, zone);
  if (problem !== null) return problem;
  const missing = completeReading(domain, values, packet.receivedAt, (name) =>
    explain(domain, payload, name),
  );
  if (missing !== null) return missing;
  if (domain === "road") addCongestion(values, freeFlowKmh);
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

function explain(domain: Domain, payload: JsonObject, name: string | null): string {
  const table = knownValues[domain];
  if (name === null)
    return `payload: no ${domain} value; send at least one of ${[...table.keys()].join(", ")}`;
  const kind = table.get(name);
  if (typeof kind === "object" && "from" in kind) return fieldProblem(payload[name], kind);
  return `${name}: ${quote(payload[name])}`;
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
