import type { Decoded, Packet, Reply } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { fieldProblem, readNumber, readValue } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isHostileName } from "./json-payload.ts";
import { makeReading, nothing, partialOutcome, quote, reject } from "./outcome.ts";
import { readSparkplugMapping } from "./sparkplug-binding.ts";
import {
  Births,
  type Edge,
  flatten,
  type KnownMetric,
  type NamedMetric,
  type Publisher,
} from "./sparkplug-births.ts";
import {
  encodeRebirth,
  isBad,
  metricValue,
  readSparkplug,
  type SparkplugPayload,
} from "./sparkplug-payload.ts";
import { checkObserved } from "./time.ts";

/** How often an edge node is asked for a new birth at most, in milliseconds. */
const rebirthIntervalMs = 10_000;

/** Message types about a device; all others are about the edge node itself. */
const ofDevices: ReadonlySet<string> = new Set(["DBIRTH", "DDATA", "DDEATH", "DCMD"]);
const ofEdges: ReadonlySet<string> = new Set(["NBIRTH", "NDATA", "NDEATH", "NCMD"]);

/**
 * Eclipse Sparkplug B (specification 3.0): `spBv1.0/<group>/<type>/<edge>[/<device>]`, protobuf. Births announce names,
 * units and aliases; data come with aliases alone and only when they change. A gap in the sequence or an unknown alias is
 * answered with a request for a new birth. `mapping` says what metrics are, by name (see readSparkplugMapping); without
 * one, the property `engUnit` and the name do.
 */
export const sparkplugB: Format = {
  name: "sparkplug-b",
  title: "Eclipse Sparkplug B",
  // Up to version 2.2 hosts told their state outside the namespace.
  topics: ["spBv1.0/#", "STATE/+"],
  create(settings: FormatSettings) {
    const births = new Births(readSparkplugMapping(settings.mapping));
    return (packet) => {
      const address = readAddress(packet.topic);
      if (address === null || packet.payload.length === 0) return nothing;
      if (typeof address === "string") return reject(address);
      const payload = readSparkplug(packet.payload);
      if (typeof payload === "string") return reject(payload);
      const edge = births.edge(`${address.group}/${address.edge}`);
      if (address.type === "NDEATH") return endEdge(edge, payload, births);
      if (address.type === "DDEATH") return endDevice(packet, address, payload, edge, births);
      return address.type.endsWith("BIRTH")
        ? readBirth(packet, address, payload, edge, births)
        : readData(packet, address, payload, edge, births);
    };
  },
};

/** The levels of a Sparkplug topic; `device` is "" for the edge node itself. */
interface Address {
  readonly group: string;
  readonly type: string;
  readonly edge: string;
  readonly device: string;
}

/** Null for what only hosts say (their state, commands); a reason if the topic is broken. */
function readAddress(topic: string): Address | string | null {
  const levels = topic.split("/");
  const [group = "", type = "", edge = "", device = "", ...rest] = levels.slice(
    levels.indexOf("spBv1.0") + 1,
  );
  if (group === "STATE" || type === "NCMD" || type === "DCMD") return null;
  const isOfDevice = ofDevices.has(type);
  if (!isOfDevice && !ofEdges.has(type)) return `topic: ${quote(type)} is not a type of Sparkplug message`;
  if (group === "" || edge === "" || rest.length > 0 || (device !== "") !== isOfDevice) {
    return `topic: ${quote(topic)}; ${type} comes on spBv1.0/<group>/${type}/<edge>${isOfDevice ? "/<device>" : ""}`;
  }
  return { group, type, edge, device };
}

/** A death that belongs to an older birth comes late and says nothing of the newer one. */
function endEdge(edge: Edge, payload: SparkplugPayload, births: Births): Decoded {
  const bdSeq = bdSeqOf(payload);
  if (bdSeq !== undefined && edge.bdSeq !== undefined && bdSeq !== edge.bdSeq) return nothing;
  edge.isBorn = false;
  edge.seq = null;
  births.forgetBefore(edge, Number.POSITIVE_INFINITY);
  return nothing;
}

function bdSeqOf({ metrics }: SparkplugPayload): number | undefined {
  const metric = metrics?.find(({ name }) => name === "bdSeq");
  return metric === undefined ? undefined : readNumber(metricValue(metric, metric.datatype ?? 0));
}

function endDevice(
  packet: Packet,
  address: Address,
  payload: SparkplugPayload,
  edge: Edge,
  births: Births,
): Decoded {
  births.forget(edge, address.device);
  const isGap = passSeq(edge, payload);
  return { ...nothing, ...(isGap ? askForBirth(packet, address, edge) : {}) };
}

function readBirth(
  packet: Packet,
  address: Address,
  payload: SparkplugPayload,
  edge: Edge,
  births: Births,
): Decoded {
  const bornAt = payload.timestamp ?? packet.receivedAt;
  const isEdge = address.device === "";
  let isGap = false;
  if (isEdge) {
    births.forgetBefore(edge, bornAt);
    edge.isBorn = true;
    edge.seq = payload.seq ?? 0;
    edge.bdSeq = bdSeqOf(payload);
  } else isGap = passSeq(edge, payload) || !edge.isBorn;
  const { metrics = [] } = payload;
  const publisher = births.learn(edge, address.device, metrics, bornAt);
  const found = readMetrics(packet, address, payload, flatten(metrics, publisher), publisher);
  if (isEdge && payload.seq !== 0) found.reasons.push(`seq: ${quote(payload.seq)}; an NBIRTH begins at 0`);
  const { readings, rejected } = partialOutcome(found.readings, found.reasons, found.dropped);
  return { readings, rejected, remember: true, ...(isGap ? askForBirth(packet, address, edge) : {}) };
}

function readData(
  packet: Packet,
  address: Address,
  payload: SparkplugPayload,
  edge: Edge,
  births: Births,
): Decoded {
  const isGap = passSeq(edge, payload);
  const publisher = edge.publishers.get(address.device);
  const metrics = flatten(payload.metrics ?? [], publisher).map((named) =>
    named.known !== undefined || named.name === undefined
      ? named
      : { ...named, known: births.bindUnborn(named.name, named.metric) },
  );
  const found = readMetrics(packet, address, payload, metrics, publisher);
  const { readings, rejected } = partialOutcome(found.readings, found.reasons, found.dropped);
  const isLost = isGap || publisher === undefined || found.hasUnknownAlias;
  return { readings, rejected, ...(isLost ? askForBirth(packet, address, edge) : {}) };
}

/** Goes on to the message's sequence number (0 to 255, shared by an edge node and its devices); true if some are missing. */
function passSeq(edge: Edge, { seq }: SparkplugPayload): boolean {
  if (seq === undefined) return false;
  const isGap = edge.seq !== null && seq !== (edge.seq + 1) % 256;
  edge.seq = seq;
  return isGap;
}

/** A request for a new birth (Sparkplug 3.0, 6.4.23), at most once in a while. A packet from memory asks for nothing. */
function askForBirth(
  packet: Packet,
  { group, edge: id }: Address,
  edge: Edge,
): { readonly replies?: readonly Reply[] } {
  if (packet.client === null || packet.receivedAt - edge.askedAt < rebirthIntervalMs) return {};
  edge.askedAt = packet.receivedAt;
  return { replies: [{ topic: `spBv1.0/${group}/NCMD/${id}`, payload: encodeRebirth(packet.receivedAt) }] };
}

/** What the metrics of a payload gave. */
interface Found {
  readonly readings: Reading[];
  /** Why a metric could not be read. */
  readonly reasons: string[];
  /** Bad values that are dropped without a word beside good ones. */
  readonly dropped: string[];
  hasUnknownAlias: boolean;
}

/** Values of one domain, channel and time. */
interface Group {
  readonly known: KnownMetric;
  readonly time: number;
  readonly isHistorical: boolean;
  readonly values: Values;
}

function readMetrics(
  packet: Packet,
  address: Address,
  payload: SparkplugPayload,
  metrics: readonly NamedMetric[],
  publisher: Publisher | undefined,
): Found {
  const found: Found = { readings: [], reasons: [], dropped: [], hasUnknownAlias: false };
  const groups = new Map<string, Group>();
  for (const [at, named] of metrics.entries())
    readMetric(packet, payload, named, `metrics[${at}]`, groups, found);
  const device = `${address.group}/${address.edge}${address.device === "" ? "" : `/${address.device}`}`;
  const ordered = [...groups.values()].sort((a, b) => a.time - b.time);
  for (const { known, time, isHistorical, values } of ordered) {
    const { domain, channel } = known.binding as NonNullable<KnownMetric["binding"]>;
    if (domain === "gps" && !completePosition(values, isHistorical ? undefined : publisher)) continue;
    found.readings.push(makeReading(domain, device, channel, time, values));
  }
  return found;
}

function readMetric(
  packet: Packet,
  payload: SparkplugPayload,
  { name, metric, known, timestamp, isHistorical }: NamedMetric,
  path: string,
  groups: Map<string, Group>,
  found: Found,
): void {
  if (known === undefined) {
    found.hasUnknownAlias = true;
    found.reasons.push(
      `${path}.alias: ${metric.alias ?? "missing"}; no birth has announced it, a new one is needed`,
    );
    return;
  }
  if (name !== undefined && isHostileName(name)) {
    found.reasons.push(`${path}.name: ${quote(name)} is a reserved name; rename the metric`);
    return;
  }
  const { binding } = known;
  if (binding === null || isBad(metric)) return;
  const raw = metricValue(metric, metric.datatype ?? known.datatype);
  if (raw === undefined || raw === "") return;
  const value = readValue(raw, binding.field);
  if (value === undefined) {
    const isNotFinite = typeof raw === "number" && !Number.isFinite(raw);
    (isNotFinite ? found.reasons : found.dropped).push(fieldProblem(raw, binding.field, `${path} `));
    return;
  }
  const sent = timestamp ?? payload.timestamp;
  const time = checkObserved(sent ?? null, sent, `${path}.timestamp`, packet.receivedAt);
  if (typeof time === "string") {
    found.reasons.push(time);
    return;
  }
  const key = `${binding.domain}\n${binding.channel ?? ""}\n${time}`;
  const group = groups.get(key) ?? { known, time, isHistorical, values: {} };
  group.values[binding.field.to] = value;
  groups.set(key, group);
}

/** Completes half a position from the last one (only changes are sent) and keeps it; false if it stays incomplete. */
function completePosition(values: Values, publisher: Publisher | undefined): boolean {
  const { lat = publisher?.position.lat, lon = publisher?.position.lon } = values as {
    lat?: number;
    lon?: number;
  };
  if (publisher !== undefined && lat !== undefined) publisher.position.lat = lat;
  if (publisher !== undefined && lon !== undefined) publisher.position.lon = lon;
  if (lat === undefined || lon === undefined) return false;
  values["lat"] = lat;
  values["lon"] = lon;
  return true;
}
