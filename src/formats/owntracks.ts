import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { numberField, readFields, readText } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcome, quote, reject } from "./outcome.ts";
import { positionFields, requirePosition } from "./position.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

const position = positionFields("lat", "lon");

// Units are those of the OwnTracks Booklet, "JSON"; the odometer is Queclink's, in kilometres.
const fields = [
  numberField("alt", "altM"),
  numberField("vel", "speedKmh"),
  numberField("cog", "courseDeg"),
  numberField("acc", "accuracyM"),
  numberField("batt", "batteryPct"),
  numberField("odometer", "odometerM", 1000),
];

/**
 * OwnTracks apps and the trackers that speak its JSON (Greenwich, Queclink through qtripp): `owntracks/<user>/<device>`.
 * A `location` is a position, and so is a `transition` (where the region was entered or left). A `waypoint` describes a
 * region, a last will or a card has no position, and an encrypted message shows none.
 * Source: OwnTracks Booklet, docs/tech/json.md.
 */
export const owntracks: Format = {
  name: "owntracks",
  title: "OwnTracks phones and trackers",
  topics: ["owntracks/#"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    return (packet) => {
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const type = payload["_type"];
      if (type === "location" || type === "transition") return outcome(readLocation(packet, payload, zone));
      if (typeof type === "string") return nothing;
      return reject(`_type: ${quote(type)}; an OwnTracks message names its type, as in "location"`);
    };
  },
};

function readLocation(packet: Packet, payload: JsonObject, zone: TimeZone | null): Reading | string {
  const device = deviceOf(packet.topic);
  if (device === null) return "topic: a location comes on owntracks/<user>/<device>";
  const origin = readText(payload["topic"]);
  if (origin !== undefined && !`${origin}/`.startsWith(`owntracks/${device}/`)) {
    return `topic: ${quote(origin)} in the payload is not the topic it came on`;
  }
  const values: Values = {};
  const problem = requirePosition(payload, position, values) ?? readFields(payload, fields, values);
  if (problem !== null) return problem;
  const time = observedAt(payload["tst"], "tst", packet.receivedAt, zone);
  return typeof time === "string" ? time : { domain: "gps", device, time, values };
}

/** `user/device`; what follows (`/event`, `/waypoint`) names the kind of message. */
function deviceOf(topic: string): string | null {
  const user = topic.indexOf("/") + 1;
  const device = topic.indexOf("/", user) + 1;
  if (device === 0 || device === user + 1) return null;
  const end = topic.indexOf("/", device);
  const id = end === -1 ? topic.slice(user) : topic.slice(user, end);
  return id.endsWith("/") ? null : id;
}
