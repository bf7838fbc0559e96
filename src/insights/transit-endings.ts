import type { Values } from "../model/reading.ts";
import type { Shown } from "./insight.ts";
import { unmatched, vehicleLevel } from "./transit-told.ts";

/** States of vehicles and calls in which something is still awaited of them. */
const openStates: ReadonlySet<unknown> = new Set(["running", "atStop", "away", "expected", "arrived"]);

const nobodyKnows: Values = {
  state: "unknown",
  expectedArrival: null,
  arrivalDelayS: null,
  expectedDeparture: null,
  departureDelayS: null,
};

/** What is told of a vehicle, a call or a notice whose trip is no more (insight.ts, `ending`). */
export function transitEnding({ domain, device, channel, values }: Shown): Values | null {
  const { state } = values;
  if (domain === "arrivals") return openStates.has(state) ? { ...values, ...nobodyKnows } : null;
  if (!device.startsWith(vehicleLevel)) return null;
  if (domain === "alerts") return state === "resolved" ? null : { ...values, state: "resolved" };
  return channel === undefined && openStates.has(state) ? { ...unmatched } : null;
}
