import { isoTime, type Values } from "../model/reading.ts";
import type { Shown } from "./insight.ts";
import { jamLevel } from "./road-jams.ts";
import { unknownEstimate } from "./road-speeds.ts";

/** What is told of a segment, a route or a choice of routes that is no more (insight.ts, `ending`). */
export function roadEnding({ domain, device, channel, values }: Shown, now: number): Values | null {
  if (domain === "congestion") return values["level"] === "unknown" ? null : { ...unknownEstimate };
  if (domain === "alerts") return device.startsWith(jamLevel) ? jamEnding(values, now) : null;
  const { travelTimeS = null } = values;
  if (channel === "best") {
    const isOver = travelTimeS === null && values["best"] === null;
    return isOver ? null : { ...values, best: null, travelTimeS: null, savesS: null, knownRoutes: 0 };
  }
  // A route of which a part was not known has the level of the rest.
  if (travelTimeS === null && values["worstLevel"] === unknownEstimate.level) return null;
  const unknown = { travelTimeS: null, delayS: null, unknownM: values["lengthM"] ?? null, isBest: null };
  return { ...values, ...unknown, worstLevel: unknownEstimate.level };
}

function jamEnding(values: Values, now: number): Values | null {
  if (values["state"] === "resolved") return null;
  const none = { isHead: false, queueM: 0, queueSegments: 0 };
  return { ...values, state: "resolved", outcome: "lost", end: isoTime(now), ...none };
}
