import type { Decoded, Packet } from "../model/packet.ts";
import type { Reading } from "../model/reading.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { firstTime, idMismatch, readEui } from "./lorawan.ts";
import { readLocation } from "./network-location.ts";
import { nothing, outcome, outcomes, quote, reject } from "./outcome.ts";
import { type TimeZone, timeZone } from "./timezone.ts";
import { readUplink, type Uplink } from "./uplink-object.ts";

/** Most entries of `normalized_payload` that are read; a decoder makes one for each stored measurement. */
const maxNormalized = 128;

/**
 * The Things Stack v3: `v3/<application>[@<tenant>]/devices/<device>/up`. What the device measured is in
 * `decoded_payload`, in names that its payload formatter chose. `rx_metadata[].location` is the gateway's place and
 * `locations.user` one that somebody typed in. Joins, downlinks and service data are no readings.
 * Source: thethingsindustries.com/docs, "Data formats" and "MQTT server".
 */
export const lorawanTts: Format = {
  name: "lorawan-tts",
  title: "LoRaWAN devices through The Things Stack v3",
  topics: ["v3/+/devices/#"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    return (packet) => {
      const [, application, , device, ...rest] = packet.topic.split("/");
      const event = rest.join("/");
      if (event !== "up" && event !== "up/normalized" && event !== "location/solved") return nothing;
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const eui = readDevice(payload, application as string, device as string);
      if ("problem" in eui) return reject(eui.problem);
      if (event === "location/solved") return readSolved(packet, payload, eui.devEui);
      return readUp(packet, payload, eui.devEui, zone);
    };
  },
};

function readDevice(
  payload: JsonObject,
  application: string,
  device: string,
): { readonly devEui: string } | { readonly problem: string } {
  const ids = payload["end_device_ids"];
  if (!isObject(ids)) return { problem: `end_device_ids: ${quote(ids)}; The Things Stack sends an object` };
  const applicationIds = ids["application_ids"];
  const applicationId = isObject(applicationIds) ? applicationIds["application_id"] : undefined;
  const problem =
    idMismatch(ids["device_id"], "end_device_ids.device_id", device) ??
    idMismatch(
      applicationId,
      "end_device_ids.application_ids.application_id",
      application.slice(0, application.includes("@") ? application.lastIndexOf("@") : undefined),
    );
  if (problem !== null) return { problem };
  const devEui = readEui(ids["dev_eui"]);
  if (devEui !== undefined) return { devEui };
  return { problem: `end_device_ids.dev_eui: ${quote(ids["dev_eui"])} is not a DevEUI of 16 hex digits` };
}

function readUp(packet: Packet, payload: JsonObject, device: string, zone: TimeZone | null): Decoded {
  const name = payload["uplink_normalized"] === undefined ? "uplink_message" : "uplink_normalized";
  const message = payload[name];
  if (!isObject(message)) return reject(`${name}: ${quote(message)}; the topic announces an uplink`);
  // The network server's time is nearer to the observation than the application server's.
  const time = firstTime(
    [
      [message["received_at"], `${name}.received_at`],
      [payload["received_at"], "received_at"],
    ],
    packet.receivedAt,
  );
  if (typeof time === "string") return reject(time);
  const { receivedAt } = packet;
  const decoded = message["decoded_payload"];
  if (decoded !== undefined && decoded !== null && !isObject(decoded)) {
    return reject(`${name}.decoded_payload: ${quote(decoded)}; a payload formatter returns an object`);
  }
  if (isObject(decoded)) {
    const path = `${name}.decoded_payload.`;
    const { results, isLocated } = readUplink(decoded, { device, time, receivedAt, zone, path });
    if (results.length > 0 || isLocated) return outcomes(results);
  }
  const normalized = readNormalized(message["normalized_payload"], { device, time, receivedAt, zone }, name);
  return normalized.length > 0 ? outcomes(normalized) : readPayloadLocation(message, device, time, name);
}

/** What the formatter's `normalizeUplink` made: a list of objects (one object in `uplink_normalized`). */
function readNormalized(raw: unknown, uplink: Omit<Uplink, "path">, name: string): (Reading | string)[] {
  const list: readonly unknown[] = Array.isArray(raw) ? raw.slice(0, maxNormalized) : [raw];
  return list.flatMap((entry, at) => {
    const path = `${name}.normalized_payload.${Array.isArray(raw) ? `${at}.` : ""}`;
    return isObject(entry) ? readUplink(entry, { ...uplink, path }).results : [];
  });
}

/** The position that the stack itself found in the payload; the other `locations` are none of this uplink. */
function readPayloadLocation(message: JsonObject, device: string, time: number, name: string): Decoded {
  const locations = message["locations"];
  const location = isObject(locations) ? locations["frm-payload"] : undefined;
  if (!isObject(location) || location["source"] !== "SOURCE_GPS") return nothing;
  return outcome(readLocation(location, device, time, `${name}.locations.frm-payload.`));
}

/** A position that a service worked out. */
function readSolved(packet: Packet, payload: JsonObject, device: string): Decoded {
  const solved = payload["location_solved"];
  const location = isObject(solved) ? solved["location"] : undefined;
  if (!isObject(location))
    return reject(`location_solved.location: ${quote(location)}; an object is expected`);
  if (location["source"] === "SOURCE_REGISTRY") return nothing;
  const time = firstTime([[payload["received_at"], "received_at"]], packet.receivedAt);
  if (typeof time === "string") return reject(time);
  return outcome(readLocation(location, device, time, "location_solved.location."));
}
