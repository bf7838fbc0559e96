import type { Decoded, Packet } from "../model/packet.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { firstTime, idMismatch, readBase64Eui, readEui } from "./lorawan.ts";
import { readLocation } from "./network-location.ts";
import { nothing, outcome, outcomes, quote, reject } from "./outcome.ts";
import { type TimeZone, timeZone } from "./timezone.ts";
import { readUplink } from "./uplink-object.ts";

/**
 * ChirpStack: `application/<id>/device/<DevEUI>/event/<event>`. An `up` has what the device measured in `object`, in names
 * that the device's codec chose; `rxInfo[].location` is the gateway's place. A `location` is worked out by the network.
 * Version 3 has no `deviceInfo`, may have `objectJSON` (text) for `object`, and before it the event was `rx`.
 * Source: chirpstack.io/docs, "MQTT" and "Event types".
 */
export const lorawanChirpstack: Format = {
  name: "lorawan-chirpstack",
  title: "LoRaWAN devices through ChirpStack",
  topics: ["application/+/device/#", "#/device/+/event/+"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    return (packet) => {
      const levels = packet.topic.split("/");
      const at = levels.lastIndexOf("device");
      const event = eventOf(levels, at + 2);
      if (event !== "up" && event !== "location") return nothing;
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const device = readEui(levels[at + 1]);
      if (device === undefined) {
        return reject(`topic: ${quote(levels[at + 1])} is not a DevEUI of 16 hex digits`);
      }
      const mismatch = mismatchOf(payload, device, levels[at - 1] ?? "");
      if (mismatch !== null) return reject(mismatch);
      return event === "location"
        ? readSolved(packet, payload, device)
        : readUp(packet, payload, device, zone);
    };
  },
};

/** The event behind the device's level; null for a command, or for something deeper. */
function eventOf(levels: readonly string[], at: number): string | null {
  if (levels.length === at + 1 && levels[at] === "rx") return "up";
  return levels.length === at + 2 && levels[at] === "event" ? (levels[at + 1] as string) : null;
}

function mismatchOf(payload: JsonObject, device: string, application: string): string | null {
  const info = payload["deviceInfo"];
  if (!isObject(info)) {
    // Version 3 writes the DevEUI in base64 or in hex, as it is configured.
    const eui = readEui(payload["devEUI"]) ?? readBase64Eui(payload["devEUI"]);
    return (
      idMismatch(eui, "devEUI", device) ?? idMismatch(payload["applicationID"], "applicationID", application)
    );
  }
  return (
    idMismatch(info["devEui"], "deviceInfo.devEui", device) ??
    idMismatch(info["applicationId"], "deviceInfo.applicationId", application)
  );
}

function readUp(packet: Packet, payload: JsonObject, device: string, zone: TimeZone | null): Decoded {
  const object = payload["object"] ?? parseObject(payload["objectJSON"]);
  if (object === undefined || object === null || object === "") return nothing;
  if (!isObject(object)) return reject(`object: ${quote(object)}; a codec returns an object`);
  const time = timeOf(packet, payload);
  if (typeof time === "string") return reject(time);
  const uplink = { device, time, receivedAt: packet.receivedAt, zone, path: "object." };
  return outcomes(readUplink(object, uplink).results);
}

/** The object in a version 3 `objectJSON`; text that is no good comes back as it is. */
function parseObject(raw: unknown): unknown {
  if (typeof raw !== "string" || raw === "") return undefined;
  const object = readJsonObject(new TextEncoder().encode(raw));
  return object ?? undefined;
}

/** When the network got it; version 3 says it only in the reception of each gateway, or when it passed it on. */
function timeOf(packet: Packet, payload: JsonObject): number | string {
  const rxInfo = payload["rxInfo"];
  const reception: unknown = Array.isArray(rxInfo) ? rxInfo[0] : undefined;
  return firstTime(
    [
      [payload["time"], "time"],
      [isObject(reception) ? reception["time"] : undefined, "rxInfo.0.time"],
      [payload["publishedAt"], "publishedAt"],
    ],
    packet.receivedAt,
  );
}

function readSolved(packet: Packet, payload: JsonObject, device: string): Decoded {
  const location = payload["location"];
  if (!isObject(location)) return reject(`location: ${quote(location)}; an object is expected`);
  const time = timeOf(packet, payload);
  if (typeof time === "string") return reject(time);
  return outcome(readLocation(location, device, time, "location."));
}
