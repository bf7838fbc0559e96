import type { Decoded, Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { addCongestion } from "./congestion.ts";
import { type CsvRow, type CsvSettings, readCsv } from "./csv.ts";
import { hasEmptyLevel } from "./fields.ts";
import type { Format } from "./format.ts";
import { isHostileName, isObject, readJson, readPlainText } from "./json-payload.ts";
import { completeReading } from "./known-values.ts";
import { compileMapping, type Mapping, type RootKind } from "./mapping.ts";
import type { Scope } from "./mapping-path.ts";
import { makeReading, nothing, outcomes, quote, reject } from "./outcome.ts";
import { isNullIsland } from "./position.ts";
import { checkObserved } from "./time.ts";

/** Most entries of `each` in one packet. */
const maxEntries = 5_000;

/**
 * Whatever no other format reads, by a mapping in the config: JSON of any shape, or CSV. The notation is in
 * config/mappings.md; `mapping` is compiled once, when the context is created.
 */
export const genericJson: Format = {
  name: "generic-json",
  title: "Any JSON or CSV, by a mapping in the config",
  topics: [],
  create(settings) {
    const mapping = compileMapping(settings);
    return (packet) =>
      mapping.csv === null ? decodeJson(packet, mapping) : decodeCsv(packet, mapping, mapping.csv);
  },
};

/** A reading, null for nothing to say, or a reason. */
type Result = Reading | string | null;

function decodeJson(packet: Packet, mapping: Mapping): Decoded {
  const json = readJson(packet.payload);
  if (json === null) return nothing;
  if (typeof json === "string") return reject(json);
  const { topic } = packet;
  const wrong = rootProblem(json.value, mapping.root);
  if (wrong !== null) return reject(wrong);
  const scope: Scope = { root: json.value, item: undefined, key: undefined, topic };
  if (!mapping.messageConditions.every((one) => one.holds(scope))) return nothing;
  if (mapping.each !== null) return decodeEach(packet, mapping, scope);
  const result = readEntry(packet, mapping, scope);
  if (result === null) return nothing;
  return typeof result === "string" ? reject(result) : { readings: [result], rejected: null };
}

function rootProblem(root: unknown, kind: RootKind): string | null {
  const isGood =
    kind === "any" || (kind !== "list" && isObject(root)) || (kind !== "object" && Array.isArray(root));
  if (isGood) return null;
  const expected = { object: "a JSON object", list: "a JSON list", either: "a JSON list or object" }[kind];
  return `payload: ${expected} is expected, not ${quote(root)}`;
}

function decodeEach(packet: Packet, mapping: Mapping, scope: Scope): Decoded {
  const list = mapping.each?.read(scope);
  const text = mapping.each?.text ?? "";
  if (list === undefined || list === null || list === "") return nothing;
  if (typeof list !== "object") return reject(`${text}: ${quote(list)} is not a list`);
  const names = Array.isArray(list) ? null : Object.keys(list);
  const entries: readonly unknown[] = Array.isArray(list) ? list : Object.values(list);
  if (entries.length > maxEntries) {
    return reject(`${text}: ${entries.length} entries; send at most ${maxEntries} in one message`);
  }
  const results: (Reading | string)[] = [];
  const { root, topic } = scope;
  for (const [at, item] of entries.entries()) {
    if (item === null) continue;
    const key = names?.[at] ?? at;
    const result = readEntry(packet, mapping, { root, item, key, topic });
    if (typeof result === "string") results.push(`${text}[${key}]: ${result}`);
    else if (result !== null) results.push(result);
  }
  return outcomes(results);
}

function decodeCsv(packet: Packet, mapping: Mapping, settings: CsvSettings): Decoded {
  if (packet.payload.length === 0) return nothing;
  const plain = readPlainText(packet.payload);
  if (typeof plain === "string") return reject(plain);
  const rows = readCsv(plain.text, settings);
  if (typeof rows === "string") return reject(rows);
  const { topic } = packet;
  const results: (Reading | string)[] = [];
  for (const [at, root] of rows.entries()) {
    const result = readRow(packet, mapping, { root, item: undefined, key: at, topic }, root);
    if (typeof result === "string") results.push(`row ${at + 1}: ${result}`);
    else if (result !== null) results.push(result);
  }
  return outcomes(results);
}

function readRow(packet: Packet, mapping: Mapping, scope: Scope, row: CsvRow): Result {
  return typeof row === "string" ? row : readEntry(packet, mapping, scope);
}

/** One entry of `each`, one row, or the whole payload. */
function readEntry(packet: Packet, mapping: Mapping, scope: Scope): Result {
  const { domain, entryConditions, constants, freeFlowKmh } = mapping;
  if (!entryConditions.every((one) => one.holds(scope))) return null;
  const values: Values = { ...constants };
  const problem = readFields(packet, mapping, scope, values);
  if (problem !== null) return problem === saysNothing ? null : problem;
  if (domain === "gps" && isNullIsland(values)) return null;
  const missing = completeReading(domain, values, packet.receivedAt, (name) =>
    explain(mapping, scope, values, name),
  );
  if (missing !== null) return missing;
  if (domain === "road") addCongestion(values, freeFlowKmh);
  const time = readTime(packet, mapping, scope);
  if (typeof time === "string") return time;
  return identify(mapping, scope, time, values);
}

/** Not a reason: no field of the mapping is in the message, so it is about something else. */
const saysNothing = "";

function readFields(packet: Packet, { fields }: Mapping, scope: Scope, values: Values): string | null {
  let isSilent = true;
  for (const field of fields) {
    const raw = field.raw(scope);
    if (raw === undefined || raw === null || raw === "") continue;
    isSilent = false;
    const value = field.read(raw, scope, packet.receivedAt, values);
    if (value !== undefined) values[field.name] = value;
    else {
      const poison = field.poison(raw);
      if (poison !== null) return poison;
    }
  }
  return isSilent ? saysNothing : null;
}

/** Why a value is missing; for null, why the first of those that are there is no good. */
function explain({ domain, fields }: Mapping, scope: Scope, values: Values, name: string | null): string {
  const field =
    name === null
      ? fields.find((one) => values[one.name] === undefined && one.raw(scope) !== undefined)
      : fields.find((one) => one.name === name);
  if (field === undefined) return `${name ?? "payload"}: no ${domain} value in the message`;
  return `${field.name}: ${field.explain(field.raw(scope), scope, values)}`;
}

function readTime({ receivedAt }: Packet, { time }: Mapping, scope: Scope): number | string {
  if (time === null) return receivedAt;
  return checkObserved(time.read(scope, receivedAt), time.raw(scope), `time: ${time.text}`, receivedAt);
}

function identify(mapping: Mapping, scope: Scope, time: number, values: Values): Reading | string {
  const { domain } = mapping;
  const device = mapping.device.read(scope);
  if (device === null) return `device: ${mapping.device.text}: missing; it is required`;
  if (device === undefined || !isId(device)) return `device: ${mapping.device.text}: cannot be a device id`;
  const channel = mapping.channel?.read(scope);
  if (mapping.channel !== null && (channel === undefined || (channel !== null && !isId(channel)))) {
    return `channel: ${mapping.channel.text}: cannot be a channel id`;
  }
  // Without it the entries of one message would be taken for the same thing.
  if (channel === null && mapping.each !== null) return `channel: ${mapping.channel?.text}: missing`;
  const quoteId = domain === "fare" ? (values["quoteId"] as string) : undefined;
  return makeReading(domain, device, channel ?? quoteId, time, values);
}

function isId(text: string): boolean {
  return !isHostileName(text) && !hasEmptyLevel(text);
}
