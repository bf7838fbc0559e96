import type { Thing } from "../thing.ts";
import type { Trail } from "../trail.ts";
import type { MovingDomain } from "./sprites.ts";

/** A thing where it is drawn, in CSS pixels of the map. */
export interface Marker {
  readonly thing: Thing;
  readonly domain: MovingDomain;
  readonly trail: Trail;
  readonly px: number;
  readonly py: number;
  /** Whether the filter means it; others are dimmed. */
  readonly matches: boolean;
}
