import type { Reading, Values } from "../model/reading.ts";
import { numberField, readFields, readId, readText } from "./fields.ts";
import { alertEffects } from "./gtfs-rt-messages.ts";
import { isObject, type JsonObject } from "./json-payload.ts";
import { quote } from "./outcome.ts";
import { readOperatingDay } from "./stop-times.ts";
import { readTimeText } from "./time.ts";

/** Most routes, stops, entities or periods that an alert's remarks list. */
const maxInformed = 50;

const direction = [numberField("direction_id", "directionId")];

/**
 * An alert has no measurement: what it says is in the remarks, what it is about in the values. A list of entities or periods of
 * which values and single remarks cannot tell all stands in `attrs` as a whole (`informed`, `activePeriods`).
 * @param entityId the feed entity's id, as it came
 */
export function readAlert(
  entityId: unknown,
  alert: JsonObject,
  time: number,
  path: string,
): Reading | string {
  const id = readId(entityId);
  if (id === undefined) return `${path}id: ${quote(entityId)} cannot be a device id`;
  const values: Values = { event: "alert" };
  const informed = listOf(alert["informed_entity"]).map(selectorOf);
  const route = informed.find(({ routeId }) => routeId !== undefined);
  if (route) {
    for (const name of ["routeId", "tripId", "directionId"]) setKnown(values, name, route[name]);
  }
  const stopIds = distinct(informed.map(({ stopId }) => stopId));
  setKnown(values, "stopId", stopIds[0]);
  const routeIds = distinct(informed.map(({ routeId }) => routeId));
  const attrs = textRemarks(alert);
  if (routeIds.length > 1) attrs["routeIds"] = routeIds.slice(0, maxInformed);
  if (stopIds.length > 1) attrs["stopIds"] = stopIds.slice(0, maxInformed);
  if (!isToldByIds(informed)) attrs["informed"] = informed.slice(0, maxInformed);
  return { domain: "transit", device: `alert/${id}`, time, values, attrs };
}

/** What an EntitySelector names, in the words of readings. */
function selectorOf(informed: JsonObject): Values {
  const trip = isObject(informed["trip"]) ? informed["trip"] : {};
  const selector: Values = {};
  setKnown(selector, "routeId", readText(informed["route_id"]) ?? readText(trip["route_id"]));
  setKnown(selector, "tripId", readText(trip["trip_id"]));
  setKnown(selector, "startTime", readText(trip["start_time"]));
  setKnown(selector, "operatingDay", readOperatingDay(trip["start_date"]));
  setKnown(selector, "stopId", readText(informed["stop_id"]));
  setKnown(selector, "agencyId", readText(informed["agency_id"]));
  if (typeof informed["route_type"] === "number") selector["routeType"] = informed["route_type"];
  readFields(informed, direction, selector);
  return selector;
}

/** Whether values and lists of ids leave no doubt: one route, trip or stop; or only routes; or only stops. */
function isToldByIds(informed: readonly Values[]): boolean {
  const names = informed.map((selector) => Object.keys(selector).sort().join(" "));
  if (names.length > 1) return ["routeId", "stopId"].some((only) => names.every((name) => name === only));
  const plain = ["routeId", "directionId", "tripId", "stopId"];
  const [selector = {}] = informed;
  return Object.keys(selector).every((name) => plain.includes(name));
}

function textRemarks(alert: JsonObject): Values {
  const attrs: Values = {};
  setKnown(attrs, "headerText", textOf(alert["header_text"]));
  setKnown(attrs, "descriptionText", textOf(alert["description_text"]));
  setKnown(attrs, "effect", alertEffects.get(alert["effect"]));
  const periods = listOf(alert["active_period"]).map((period) => {
    const active: Values = {};
    setKnown(active, "activeFrom", readTimeText(period["start"], null, 0));
    setKnown(active, "activeUntil", readTimeText(period["end"], null, 0));
    return active;
  });
  Object.assign(attrs, periods[0]);
  if (periods.length > 1) attrs["activePeriods"] = periods.slice(0, maxInformed);
  return attrs;
}

/** Of several languages the first. */
function textOf(translated: unknown): string | undefined {
  return isObject(translated) ? readText(listOf(translated["translation"])[0]?.["text"]) : undefined;
}

function listOf(raw: unknown): readonly JsonObject[] {
  return Array.isArray(raw) ? (raw as readonly JsonObject[]) : [];
}

function distinct(texts: readonly (Values[string] | undefined)[]): string[] {
  return [...new Set(texts.filter((text) => typeof text === "string"))];
}

function setKnown(values: Values, name: string, value: Values[string] | undefined): void {
  if (value !== undefined) values[name] = value;
}
