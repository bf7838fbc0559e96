import type { City, Edge, Leg } from "./city.ts";
import type { Device, DeviceSettings, Message } from "./device.ts";
import { busiestEdges, type Traffic } from "./traffic.ts";

/** Sensor ids of a Digitraffic TMS station per direction (tmfg/digitraffic, lam-en): 5-minute sliding values. */
const sensors = [
  { isForward: true, flow: 5116, speed: 5122, freeFlowPct: 5158 },
  { isForward: false, flow: 5119, speed: 5125, freeFlowPct: 5161 },
] as const;

/** Real stations are numbered 20001 to 24999; these are nobody's. */
const firstStation = 99_001;

export function roadStation(index: number): string {
  return String(firstStation + index);
}

/** A traffic measurement station in the Digitraffic format, `tms-v2/<station>/<sensor>`. */
export function createRoadDevice(
  city: City,
  traffic: Traffic,
  settings: DeviceSettings,
  index: number,
): Device {
  const places = busiestEdges(city);
  const edge = places[index % places.length] as Edge;
  const station = roadStation(index);
  const say = (time: number, sensor: number, value: number): Message => ({
    device: settings.id,
    topic: `tms-v2/${station}/${sensor}`,
    payload: JSON.stringify({ value, time: Math.floor(time / 1000) }),
  });
  return {
    id: settings.id,
    domain: "road",
    topic: `road/${station}`,
    model: "traffic measurement station",
    step: () => [],
    report: (time) =>
      sensors.flatMap(({ isForward, flow, speed, freeFlowPct }) => {
        const leg: Leg = { edge, isForward };
        const ratio = traffic.speedRatio(leg, time);
        // Counted in 5 minutes and extrapolated, so always a multiple of 12.
        const flowVph = Math.round(traffic.flowVph(leg, time) / 12) * 12;
        const counted = say(time, flow, flowVph);
        // Nobody passed: a real station then has no speed to publish.
        if (flowVph === 0) return [counted];
        return [
          counted,
          say(time, speed, Math.round(ratio * edge.limitKmh)),
          say(time, freeFlowPct, Math.round(ratio * 100)),
        ];
      }),
  };
}
