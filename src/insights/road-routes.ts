import { worseLevel } from "../model/congestion.ts";
import type { Values } from "../model/reading.ts";
import type { RoadNetwork, Segment } from "./road-network.ts";
import type { RoadSettings } from "./road-settings.ts";
import { type Estimate, unknownEstimate } from "./road-speeds.ts";

/** A way over segments. */
export interface Route {
  readonly name: string;
  readonly segments: readonly Segment[];
  readonly lengthM: number;
  readonly freeFlowS: number;
}

/** Routes that are alternatives to each other, the usual one first; a route without alternatives is alone. */
export interface Choice {
  /** Null for a route without alternatives. */
  readonly name: string | null;
  readonly routes: readonly Route[];
}

/** What is told of a topic below `routes/`. */
export interface RouteWord {
  readonly device: string;
  readonly channel?: string;
  readonly values: Values;
}

/** The choices that depend on each segment, by its name. */
export function choicesBySegment(
  { routes }: Pick<RoadSettings, "routes">,
  network: RoadNetwork,
): Map<string, Choice[]> {
  const grouped = new Map<string, Route[]>();
  for (const { name, segments, choice } of routes) {
    const run = segments.map((segment) => network.segments.get(segment) as Segment);
    const key = choice === undefined ? `route ${name}` : `choice ${choice}`;
    const lengthM = run.reduce((sum, segment) => sum + segment.lengthM, 0);
    const freeFlowS = run.reduce((sum, segment) => sum + segment.freeFlowS, 0);
    grouped.set(key, [...(grouped.get(key) ?? []), { name, segments: run, lengthM, freeFlowS }]);
  }
  const bySegment = new Map<string, Choice[]>();
  for (const [key, members] of grouped) {
    const choice = { name: key.startsWith("choice ") ? key.slice(7) : null, routes: members };
    const segments = new Set(members.flatMap(({ segments }) => segments.map(({ name }) => name)));
    for (const name of segments) bySegment.set(name, [...(bySegment.get(name) ?? []), choice]);
  }
  return bySegment;
}

/** A route with what is known of it. */
interface Known {
  readonly route: Route;
  readonly travelTimeS: number | null;
  readonly values: Values;
}

/** What is to be told of the routes of a choice, when `estimateOf` tells what is known of their segments. */
export function routeWords(
  { name, routes }: Choice,
  estimateOf: (segment: Segment) => Estimate | undefined,
  minGainS: number,
): RouteWord[] {
  const known = routes.map((route) => reckon(route, estimateOf));
  if (name === null) {
    return known.map(({ route, values }) => ({ device: route.name, values: { ...values, isBest: null } }));
  }
  const best = bestOf(known, minGainS);
  const usualS = known[0]?.travelTimeS ?? null;
  const bestS = best?.travelTimeS ?? null;
  const words = known.map(
    ({ route, travelTimeS, values }): RouteWord => ({
      device: route.name,
      values: { ...values, isBest: best === null || travelTimeS === null ? null : route === best.route },
    }),
  );
  const values: Values = {
    best: best?.route.name ?? null,
    travelTimeS: bestS,
    savesS: usualS === null || bestS === null ? null : usualS - bestS,
    knownRoutes: known.filter(({ travelTimeS }) => travelTimeS !== null).length,
    totalRoutes: routes.length,
  };
  return [...words, { device: name, channel: "best", values }];
}

function reckon(route: Route, estimateOf: (segment: Segment) => Estimate | undefined): Known {
  let seconds = 0;
  let unknownM = 0;
  let worstLevel = unknownEstimate.level;
  for (const segment of route.segments) {
    const { level, travelTimeS } = estimateOf(segment) ?? unknownEstimate;
    if (travelTimeS === null) unknownM += segment.lengthM;
    seconds += travelTimeS ?? 0;
    worstLevel = worseLevel(worstLevel, level);
  }
  // Without one of its parts the whole is not known.
  const travelTimeS = unknownM > 0 ? null : Math.round(seconds);
  const delayS = travelTimeS === null ? null : Math.round(Math.max(0, seconds - route.freeFlowS));
  const values: Values = {
    travelTimeS,
    freeFlowTimeS: Math.round(route.freeFlowS),
    delayS,
    lengthM: Math.round(route.lengthM),
    unknownM: Math.round(unknownM),
    worstLevel,
  };
  return { route, travelTimeS, values };
}

/** The quickest of those that are known, the usual one unless it saves enough; null if there is nothing to compare. */
function bestOf(known: readonly Known[], minGainS: number): Known | null {
  const timed = known.filter(({ travelTimeS }) => travelTimeS !== null);
  if (timed.length < Math.min(2, known.length)) return null;
  const quickest = timed.reduce((best, one) => (timeOf(one) < timeOf(best) ? one : best));
  const usual = known[0] as Known;
  const isWorthIt = usual.travelTimeS === null || usual.travelTimeS - timeOf(quickest) >= minGainS;
  return isWorthIt ? quickest : usual;
}

function timeOf({ travelTimeS }: Known): number {
  return travelTimeS as number;
}
