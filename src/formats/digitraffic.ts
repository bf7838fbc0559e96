import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { addCongestion, freeFlowOf } from "./congestion.ts";
import { type NumberField, numberField, readNumber, requireField } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcome, quote, reject, singleValue } from "./outcome.ts";
import { observedAt } from "./time.ts";

/** What one sensor id of a traffic measurement station measures. */
interface Sensor {
  readonly direction: "1" | "2";
  readonly intervalS: number;
  readonly field: NumberField;
}

/** What the topics of measurements begin with; behind it stand the station and the sensor. */
const measurements = "tms-v2/";

const speed = numberField("value", "speedKmh");
const flow = numberField("value", "flowVph");
const freeFlow = numberField("value", "speedRatio", 0.01);

/*
 * Fintraffic's computational sensors (digitraffic.fi/en/road-traffic/lam, "Computational sensors", and the sensor list
 * of the REST interface, /api/tms/v1/sensors). Passings of five minutes are already extrapolated to an hour. Shares of
 * the station's greatest flow (…_MS1, …_MS2: 5064, 5067, 5068, 5071, 5164, 5168) are neither flow nor occupancy.
 */
const pairs: readonly (readonly [number, number, number, NumberField])[] = [
  [5016, 5019, 300, flow], // OHITUKSET_5MIN_KIINTEA
  [5022, 5025, 300, speed], // KESKINOPEUS_5MIN_KIINTEA
  [5054, 5055, 3600, flow], // OHITUKSET_60MIN_KIINTEA
  [5056, 5057, 3600, speed], // KESKINOPEUS_60MIN_KIINTEA
  [5058, 5061, 300, freeFlow], // KESKINOPEUS_5MIN_KIINTEA_…_VVAPAAS
  [5116, 5119, 300, flow], // OHITUKSET_5MIN_LIUKUVA
  [5122, 5125, 300, speed], // KESKINOPEUS_5MIN_LIUKUVA
  [5158, 5161, 300, freeFlow], // KESKINOPEUS_5MIN_LIUKUVA_…_VVAPAAS
];

const sensors: ReadonlyMap<string, Sensor> = new Map(
  pairs.flatMap(([one, two, intervalS, field]): [string, Sensor][] => [
    [String(one), { direction: "1", intervalS, field }],
    [String(two), { direction: "2", intervalS, field }],
  ]),
);

/**
 * Traffic measurement stations of Finland's roads: `tms-v2/<station>/<sensor>`, where only the sensor's id says what
 * was measured. Weather, maintenance and traffic messages of the same broker are none of our domains.
 */
export const digitraffic: Format = {
  name: "digitraffic",
  title: "Digitraffic road sensors (Fintraffic TMS)",
  topics: ["tms-v2/#", "weather-v2/#", "maintenance-v2/#", "traffic-message-v3/#"],
  create(settings: FormatSettings) {
    const freeFlowKmh = freeFlowOf(settings);
    return (packet) => {
      const { topic } = packet;
      const slash = topic.lastIndexOf("/");
      const station = topic.slice(measurements.length, slash);
      const sensor = sensors.get(topic.slice(slash + 1));
      if (sensor === undefined || !topic.startsWith(measurements)) return nothing;
      if (slash < measurements.length || station.includes("/")) return nothing;
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      if (readNumber(payload["value"]) === undefined) return nothing;
      return outcome(readMeasurement(packet, station, sensor, payload, freeFlowKmh));
    };
  },
};

function readMeasurement(
  packet: Packet,
  station: string,
  sensor: Sensor,
  payload: JsonObject,
  freeFlowKmh: number | null,
): Reading | string {
  if (station === "")
    return `topic: ${quote(packet.topic)} has no station; send to tms-v2/<station>/<sensor>`;
  const value = requireField(payload, sensor.field);
  if (typeof value === "string") return value;
  const start = readNumber(payload["start"]);
  const end = readNumber(payload["end"]);
  // `time` is when the value was published; a window's end is when it was true.
  const time =
    end === undefined
      ? observedAt(payload["time"], "time", packet.receivedAt, null)
      : observedAt(payload["end"], "end", packet.receivedAt, null);
  if (typeof time === "string") return time;
  const values: Values = singleValue(sensor.field.to, value);
  values["intervalS"] = windowOf(start, end) ?? sensor.intervalS;
  addCongestion(values, freeFlowKmh);
  return { domain: "road", device: station, channel: sensor.direction, time, values };
}

function windowOf(start: number | undefined, end: number | undefined): number | undefined {
  if (start === undefined || end === undefined) return undefined;
  const lengthS = end - start;
  return lengthS > 0 && Number.isFinite(lengthS) ? lengthS : undefined;
}
