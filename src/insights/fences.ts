import { z } from "zod";
import type { MapPlace } from "../model/map-place.ts";
import { topicOf } from "../model/topic.ts";
import {
  type Box,
  boxAround,
  distanceM,
  distanceToEdgeM,
  goesRoundPole,
  isInArea,
  type Position,
  widen,
} from "./geo.ts";
import { GridIndex } from "./grid-index.ts";
import { pointShape, ringShape } from "./map-shapes.ts";
import { outlineProblem } from "./outline.ts";

const maxFences = 20_000;
const maxCorners = 1_000;

const lat = z.number().min(-90).max(90);
const lon = z.number().min(-180).max(180);

const hysteresisM = z.number().min(0).max(100_000);
const dwellS = z.number().positive().max(31_536_000);

/** How fences are written in the config. */
export const fenceSettings = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^/+#]+$/, "must be one topic level: no `/`, `+` or `#`")
    .describe("Topic level of the fence"),
  circle: z
    .strictObject({
      lat: lat.describe("Latitude of the centre"),
      lon: lon.describe("Longitude of the centre"),
      radiusM: z.number().positive().max(1_000_000).describe("Radius in metres"),
    })
    .optional()
    .describe("A fence that is a circle"),
  area: z
    .array(z.tuple([lat, lon]))
    .min(3)
    .max(maxCorners)
    .optional()
    .describe("A fence that is an area: its corners as latitude and longitude"),
  hysteresisM: hysteresisM.optional().describe("In place of the one of all fences"),
  dwellS: dwellS.optional().describe("In place of the one of all fences"),
});

export const fencesSettings = {
  fences: z.array(fenceSettings).max(maxFences).default([]).describe("Circles and areas"),
  hysteresisM: hysteresisM
    .default(25)
    .describe("A device has left when it is farther outside than that and than its accuracy, in metres"),
  dwellS: dwellS.default(300).describe("After so long inside, a device dwells there, in seconds"),
} as const;

type FenceSettings = z.infer<typeof fenceSettings>;

/** Says what is wrong with fences beyond what the schema can, beginning with the path; null if nothing. */
export function fencesProblem(fences: readonly FenceSettings[]): string | null {
  const names = new Set<string>();
  for (const [index, { name, circle, area }] of fences.entries()) {
    const path = `fences.${index}`;
    if (names.has(name)) return `${path}.name: there is another fence ${JSON.stringify(name)}`;
    names.add(name);
    if ((circle === undefined) === (area === undefined))
      return `${path}: give it a \`circle\` or an \`area\``;
    if (area && goesRoundPole(area.map(positionOfCorner))) {
      return `${path}.area: it goes round a pole; use a circle there`;
    }
    const wrong = area ? outlineProblem(area.map(positionOfCorner)) : null;
    if (wrong !== null) return `${path}.area: ${wrong}`;
  }
  return null;
}

/** Where a fence is on the map. */
export function fencePlace({ name, circle, area }: FenceSettings): MapPlace[] {
  const filter = `${topicOf({ domain: "geofence", device: name })}/#`;
  if (circle) {
    const { radiusM, ...centre } = circle;
    const geometry = { type: "Point", coordinates: pointShape(centre) } as const;
    return [{ kind: "fence", name, filter, geometry, radiusM }];
  }
  const geometry = { type: "Polygon", coordinates: [ringShape((area ?? []).map(positionOfCorner))] } as const;
  return [{ kind: "fence", name, filter, geometry }];
}

/** A fence that can be asked. */
export interface Fence {
  readonly name: string;
  readonly hysteresisM: number;
  readonly dwellMs: number;
  readonly box: Box;
  /** How deep inside a place is, metres; negative outside. */
  depthM(place: Position): number;
}

/** Many fences, found by place. */
export class Fences {
  readonly #byName: ReadonlyMap<string, Fence>;
  readonly #index: GridIndex<Fence>;

  constructor(settings: {
    readonly fences: readonly FenceSettings[];
    readonly hysteresisM: number;
    readonly dwellS: number;
  }) {
    const fences = settings.fences.map((fence) => toFence(fence, settings));
    this.#byName = new Map(fences.map((fence) => [fence.name, fence]));
    this.#index = new GridIndex(fences, ({ box }) => box);
  }

  get(name: string): Fence | undefined {
    return this.#byName.get(name);
  }

  /** Those that may hold the place. */
  near(place: Position): Fence[] {
    return this.#index.at(place);
  }
}

function toFence(
  { name, circle, area, ...own }: FenceSettings,
  all: { hysteresisM: number; dwellS: number },
): Fence {
  const rules = {
    name,
    hysteresisM: own.hysteresisM ?? all.hysteresisM,
    dwellMs: 1_000 * (own.dwellS ?? all.dwellS),
  };
  if (circle) {
    const depthM = (place: Position) => circle.radiusM - distanceM(circle, place);
    return { ...rules, box: widen(boxAround([circle]), circle.radiusM), depthM };
  }
  const corners = (area ?? []).map(positionOfCorner);
  const box = boxAround(corners);
  const depthM = (place: Position) => {
    const toEdgeM = distanceToEdgeM(place, corners);
    return isInArea(place, corners, box) ? toEdgeM : -toEdgeM;
  };
  return { ...rules, box, depthM };
}

function positionOfCorner([lat, lon]: readonly [number, number]): Position {
  return { lat, lon };
}
