import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { addCongestion, freeFlowOf } from "./congestion.ts";
import {
  convert,
  fieldProblem,
  isInfinite,
  type NumberField,
  numberField,
  readId,
  readValue,
  setField,
} from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isObject, type JsonObject, readJson } from "./json-payload.ts";
import { attributeValue, observedAtOf, unitCodeOf } from "./ngsi-attribute.ts";
import { readPeriod } from "./observed-period.ts";
import { makeReading, nothing, outcomes, quote, reject } from "./outcome.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/** Most entities in one notification. */
const maxEntities = 2_000;

const entityType = "TrafficFlowObserved";

/** Vehicles in the observation period; the period makes it a flow. */
const intensity = numberField("intensity", "flowVph");

// The model's units, and those that an entity may name instead by its UN/CEFACT code (`unitCode` of NGSI-LD).
const speedKmh = numberField("averageVehicleSpeed", "speedKmh");
const speedUnits: ReadonlyMap<string, NumberField> = new Map([
  ["KMH", speedKmh],
  ["MTS", numberField("averageVehicleSpeed", "speedKmh", 3.6)],
  ["HM", numberField("averageVehicleSpeed", "speedKmh", 1.609344)],
]);
const occupancy = numberField("occupancy", "occupancyPct", 100);
const occupancyUnits: ReadonlyMap<string, NumberField> = new Map([
  ["C62", occupancy],
  ["P1", numberField("occupancy", "occupancyPct")],
]);

/**
 * TrafficFlowObserved entities of FIWARE context brokers, plain (keyValues) or normalized as NGSIv2 or NGSI-LD write them,
 * alone, in a list or in a notification. The lane is the channel; the end of the period is the time.
 * Source: smart-data-models, dataModel.Transportation/TrafficFlowObserved.
 */
export const trafficFlowObserved: Format = {
  name: "traffic-flow-observed",
  title: "TrafficFlowObserved of FIWARE context brokers (NGSIv2, NGSI-LD)",
  topics: ["ngsi/#", "ngsi-ld/#", "#/TrafficFlowObserved", "#/TrafficFlowObserved/+"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    const freeFlowKmh = freeFlowOf(settings);
    return (packet) => {
      const json = readJson(packet.payload);
      if (json === null) return nothing;
      if (typeof json === "string") return reject(json);
      const list = entitiesOf(json.value);
      if (typeof list === "string") return reject(list);
      if (list.entities.length > maxEntities) {
        return reject(
          `payload: ${list.entities.length} entities; send at most ${maxEntities} in one message`,
        );
      }
      const results: (Reading | string)[] = [];
      for (const [at, entity] of list.entities.entries()) {
        const path = list.path === null ? "" : `${list.path}${at}.`;
        const result = readEntity(packet, entity, path, zone, freeFlowKmh);
        if (result !== null) results.push(result);
      }
      return outcomes(results);
    };
  },
};

/** What a message holds, and the path of the list where it is one. */
interface Entities {
  readonly entities: readonly unknown[];
  readonly path: string | null;
}

/** An entity, a list of them, a notification (`data`) or a batch (`entities`). */
function entitiesOf(value: unknown): Entities | string {
  if (Array.isArray(value)) return { entities: value, path: "" };
  if (!isObject(value))
    return `payload: an entity, a list or a notification is expected, not ${quote(value)}`;
  for (const name of ["data", "entities"]) {
    const inner = value[name];
    if (Array.isArray(inner)) return { entities: inner, path: `${name}.` };
  }
  if (value["type"] !== "Notification") return { entities: [value], path: null };
  return isObject(value["data"])
    ? { entities: [value["data"]], path: "data." }
    : `data: ${quote(value["data"])}; a notification has a list of entities`;
}

function readEntity(
  packet: Packet,
  entity: unknown,
  path: string,
  zone: TimeZone | null,
  freeFlowKmh: number | null,
): Reading | string | null {
  if (!isObject(entity)) return `${path.slice(0, -1) || "payload"}: ${quote(entity)}; an entity is expected`;
  const type = entity["type"];
  if (type === undefined) return `${path}type: missing; "${entityType}" is expected`;
  if (!isTrafficFlow(type)) return null;
  const device = readId(entity["id"]);
  if (device === undefined) return `${path}id: ${quote(entity["id"])} cannot be a device id`;
  const period = readPeriod(
    attributeValue(entity["dateObserved"]),
    attributeValue(entity["dateObservedFrom"]),
    attributeValue(entity["dateObservedTo"]),
    zone,
    packet.receivedAt,
  );
  const values: Values = {};
  const problem = readMeasurements(entity, period.lengthS, values, path);
  if (problem !== null) return problem;
  if (Object.keys(values).length === 0) return null;
  if (period.lengthS !== undefined) values["intervalS"] = period.lengthS;
  addCongestion(values, freeFlowKmh);
  const end = period.end ?? observedAtOf(entity);
  const time = observedAt(end, `${path}${period.name}`, packet.receivedAt, zone);
  if (typeof time === "string") return time;
  return makeReading("road", device, channelOf(entity), time, values);
}

/** True for the type's short name, and for the full one that NGSI-LD expands it to. */
function isTrafficFlow(type: unknown): boolean {
  if (Array.isArray(type)) return type.some((one) => typeof one === "string" && isTrafficFlow(one));
  if (typeof type !== "string" || !type.endsWith(entityType)) return false;
  const before = type[type.length - entityType.length - 1];
  return before === undefined || before === "/" || before === "#" || before === ":";
}

function readMeasurements(
  entity: JsonObject,
  lengthS: number | undefined,
  values: Values,
  path: string,
): string | null {
  const rawSpeed = entity["averageVehicleSpeed"];
  const rawOccupancy = entity["occupancy"];
  const problem =
    setField(attributeValue(rawSpeed), speedUnits.get(unitCodeOf(rawSpeed)) ?? speedKmh, values, path) ??
    setField(
      attributeValue(rawOccupancy),
      occupancyUnits.get(unitCodeOf(rawOccupancy)) ?? occupancy,
      values,
      path,
    );
  if (problem !== null) return problem;
  const rawCount = attributeValue(entity["intensity"]);
  if (isInfinite(rawCount)) return fieldProblem(rawCount, intensity, path);
  const count = readValue(rawCount, intensity);
  // Without a period nobody knows how long it took to count these vehicles.
  const flowVph = count === undefined || lengthS === undefined ? undefined : convert(count, 3600 / lengthS);
  if (flowVph !== undefined && Number.isFinite(flowVph)) values["flowVph"] = flowVph;
  return null;
}

/** The lane; the direction where no lane is told. */
function channelOf(entity: JsonObject): string | undefined {
  return readId(attributeValue(entity["laneId"])) ?? readId(attributeValue(entity["laneDirection"]));
}
