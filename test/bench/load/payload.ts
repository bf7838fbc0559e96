import { markerText, nowMicros } from "./marker.ts";

/** The topic of device number `index`; with `lines`, of a fleet whose devices belong to so many lines. */
export function deviceTopic(index: number, lines?: number): string {
  if (lines === undefined) return `telemetry/gps/dev-${index}`;
  return `telemetry/gps/line-${index % lines}/dev-${Math.floor(index / lines)}`;
}

const deepLevels = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] as const;

/** A device's topic with ten levels of its own, the same for all devices. */
export function deepTopic(index: number): string {
  return `telemetry/gps/${deepLevels.join("/")}/dev-${index}`;
}

/** Filter number `index` of 1,024, each of which matches every device of `deepTopic`: the bits say which levels are `+`. */
export function wildFilter(index: number): string {
  const levels = deepLevels.map((level, bit) => (((index >> bit) & 1) === 0 ? level : "+"));
  return `telemetry/gps/${levels.join("/")}/+`;
}

/** A native GPS reading of about 156 bytes; every field but the accuracy changes with `count`. */
export function gpsPayload(count: number): Buffer {
  const lat = `60.${1_000_000 + (count % 8_999_999)}`;
  const lon = `24.${1_000_000 + ((count * 7) % 8_999_999)}`;
  const speedKmh = `${20 + (count % 70)}.${count % 9 || 5}`;
  const time = new Date().toISOString();
  const text =
    `{"lat":${lat},"lon":${lon},"speedKmh":${speedKmh},"courseDeg":${count % 360},"accuracyM":4.5,` +
    `"batteryPct":${20 + (count % 80)},"time":"${time}","tag":"${markerText(nowMicros())}"}`;
  return Buffer.from(text, "latin1");
}
