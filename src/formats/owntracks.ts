import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { numberField, readFields, readText } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcome, quote, reject } from "./outcome.ts";
import { positionFields, requirePosition } from "./position.ts";
import { observedAtSeconds } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";
import { compileTopicPattern, type Layout, type ReadTopic } from "./topic-pattern.ts";

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

const layout: Layout = {
  variables: new Map([
    ["u", "id"],
    ["user", "id"],
    ["d", "id"],
    ["device", "id"],
  ]),
  example: "owntracks/%u/%d",
  hasTail: true,
};

/**
 * OwnTracks apps and the trackers that speak its JSON (Greenwich, Queclink through qtripp): `owntracks/<user>/<device>`.
 * A `location` is a position, and so is a `transition` (where the region was entered or left). A `waypoint` describes a
 * region, a last will or a card has no position, nor has a `transition` at a beacon, and an encrypted message shows none.
 * Other levels may stand before `owntracks`; where the root has another name, `topicPattern` is the app's
 * `pubTopicBase`, as in `fleet/%u/%d`.
 * Source: OwnTracks Booklet, docs/tech/json.md.
 */
export const owntracks: Format = {
  name: "owntracks",
  title: "OwnTracks phones and trackers",
  topics: ["owntracks/#", "#/owntracks/+/+", "#/owntracks/+/+/+"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    const { topicPattern } = settings;
    const readTopic = topicPattern === undefined ? readUsualTopic : compileTopicPattern(topicPattern, layout);
    const expected = topicPattern ?? "owntracks/<user>/<device>";
    return (packet) => {
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const type = payload["_type"];
      if (type === "transition" && isAbsent(payload["lat"]) && isAbsent(payload["lon"])) return nothing;
      if (type === "location" || type === "transition") {
        const place = readTopic(packet.topic);
        if (place === null) return reject(`topic: a location comes on ${expected}`);
        return outcome(readLocation(packet, payload, place, zone));
      }
      if (typeof type === "string") return nothing;
      return reject(`_type: ${quote(type)}; an OwnTracks message names its type, as in "location"`);
    };
  },
};

function isAbsent(raw: unknown): boolean {
  return raw === undefined || raw === null || raw === "";
}

function readLocation(
  packet: Packet,
  payload: JsonObject,
  { device, base }: Place,
  zone: TimeZone | null,
): Reading | string {
  const origin = readText(payload["topic"]);
  // A bridge may have put levels before either of them.
  if (origin !== undefined && !`/${origin}/`.includes(`/${base}/`)) {
    return `topic: ${quote(origin)} in the payload is not the topic it came on`;
  }
  const values: Values = {};
  const problem = requirePosition(payload, position, values) ?? readFields(payload, fields, values);
  if (problem !== null) return problem;
  const time = observedAtSeconds(payload["tst"], "tst", packet.receivedAt, zone);
  return typeof time === "string" ? time : { domain: "gps", device, time, values };
}

/** A device's id, and its topic. */
type Place = NonNullable<ReturnType<ReadTopic>>;

/** `owntracks/<user>/<device>` at any level; what follows (`/event`, `/waypoint`) names the kind of message. */
function readUsualTopic(topic: string): Place | null {
  const root = topic.startsWith("owntracks/") ? 0 : topic.indexOf("/owntracks/") + 1;
  const user = topic.indexOf("/", root) + 1;
  const device = topic.indexOf("/", user) + 1;
  if (device === 0 || device === user + 1) return null;
  const end = topic.indexOf("/", device);
  const id = end === -1 ? topic.slice(user) : topic.slice(user, end);
  return id.endsWith("/") ? null : { device: id, base: topic.slice(root, user) + id };
}
