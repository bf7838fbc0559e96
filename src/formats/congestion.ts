import { congestionLevelOf } from "../model/congestion.ts";
import type { Values } from "../model/reading.ts";
import { convert } from "./fields.ts";
import type { FormatSettings } from "./format.ts";
import { quote } from "./outcome.ts";

/**
 * The speed on the free road in km/h, null where the operator named none.
 * @throws Error when it is not a speed
 */
export function freeFlowOf(settings: FormatSettings): number | null {
  const raw: unknown = settings.freeFlowKmh;
  if (raw === undefined || raw === null) return null;
  if (typeof raw === "number" && Number.isFinite(raw) && raw > 0) return raw;
  throw new Error(`freeFlowKmh: ${quote(raw)}; write the speed on the free road in km/h, above 0`);
}

/**
 * Finishes the values of a road sensor: an average speed of 0 over no vehicle at all is no measurement (kept, it would
 * look like a jam on an empty road); with a free-flow speed the speed gives a ratio, and a ratio gives a level, unless the
 * sensor tells them itself.
 */
export function addCongestion(values: Values, freeFlowKmh: number | null): void {
  if (values["speedKmh"] === 0 && values["flowVph"] === 0 && !isOccupied(values)) delete values["speedKmh"];
  const speedKmh = values["speedKmh"];
  if (freeFlowKmh !== null && typeof speedKmh === "number" && values["speedRatio"] === undefined)
    values["speedRatio"] = convert(speedKmh, 1 / freeFlowKmh);
  const speedRatio = values["speedRatio"];
  if (typeof speedRatio === "number" && values["congestionLevel"] === undefined)
    values["congestionLevel"] = congestionLevelOf(speedRatio);
}

/** A vehicle that stands on the detector is not counted, but it is there. */
function isOccupied(values: Values): boolean {
  const occupancyPct = values["occupancyPct"];
  return typeof occupancyPct === "number" && occupancyPct > 0;
}
