import { z } from "zod";
import type { MapPlace } from "../model/map-place.ts";
import { topicOf } from "../model/topic.ts";
import { distanceM, type Position } from "./geo.ts";
import { lineShape } from "./map-shapes.ts";

const maxSegments = 5_000;
const maxRoutes = 1_000;
/** Most corners of a segment's line. */
const maxCorners = 1_000;
/** Farther apart, the end of a segment and the beginning of the next are not the same junction. */
export const joinM = 60;

const name = z.string().min(1).max(200);
const seconds = (min: number, max: number) => z.number().min(min).max(max);
const trust = z.number().positive().max(1_000);
const corner = z.tuple([z.number().min(-90).max(90), z.number().min(-180).max(180)]);

const sensor = z.strictObject({
  device: name.describe("The sensor: the part of its topics behind `road/`, without the channel"),
  channel: name.optional().describe("A direction or a lane of it; absent: all of its channels"),
  trust: trust.default(1).describe("How much it counts beside others"),
  loopLengthM: z
    .number()
    .positive()
    .max(50)
    .optional()
    .describe(
      "For a single loop that tells flow and occupancy of one lane, but no speed: length of a vehicle and the loop together",
    ),
});

const segment = z.strictObject({
  name: name.describe("Names the topic: `congestion/<name>`"),
  line: z
    .array(corner)
    .min(2)
    .max(maxCorners)
    .optional()
    .describe("Where it runs, in the direction of travel: corners as latitude and longitude"),
  lengthM: z
    .number()
    .positive()
    .max(1_000_000)
    .optional()
    .describe("Its length, if not that of the line; must be there without a line"),
  freeFlowKmh: z.number().positive().max(300).describe("Speed on the free road"),
  oneWay: z
    .boolean()
    .default(true)
    .describe("`false`: vehicles in both directions count; else only those that go along the line"),
  sensors: z.array(sensor).max(64).default([]).describe("Loops, radars and cameras that measure it"),
});

const route = z.strictObject({
  name: name.describe("Names the topic: `routes/<name>`"),
  segments: z.array(name).min(1).max(500).describe("The segments it runs over, in order"),
  choice: name
    .optional()
    .describe("Routes of the same choice are alternatives; the first of them is the usual way"),
});

/** The section `insights.roads` of the config. */
export const roadSettings = z.strictObject({
  segments: z.array(segment).max(maxSegments).default([]).describe("Stretches of road, one per direction"),
  routes: z.array(route).max(maxRoutes).default([]).describe("Ways over segments, and their alternatives"),
  probes: z
    .array(z.string())
    .default(["gps/#"])
    .describe("Topics of vehicles whose positions tell the speed of the traffic; no bicycles, no walkers"),
  intervalS: seconds(1, 600).default(10).describe("How often segments are reckoned anew, in seconds"),
  detailS: seconds(1, 3_600)
    .default(60)
    .describe(
      "While the level stays, speed and travel time are told at most so often, in seconds; a level is told at once",
    ),
  changePct: z
    .number()
    .positive()
    .max(100)
    .default(5)
    .describe("And only if the travel time is so much other than the one told, in percent"),
  staleS: seconds(1, 7_200)
    .default(600)
    .describe("What a sensor said counts for so long, in seconds; afterwards nothing is known"),
  probeStaleS: seconds(1, 7_200)
    .default(120)
    .describe("What a vehicle showed counts for so long, in seconds"),
  halfLifeS: seconds(1, 7_200)
    .default(60)
    .describe("What is so much older than something else counts half as much, in seconds"),
  maxSensorIntervalS: seconds(1, 86_400)
    .default(900)
    .describe(
      "Means over more than that (`intervalS` of the reading, in seconds) say nothing of now and are left out",
    ),
  probeTrust: trust
    .default(0.3)
    .describe("How much a vehicle counts, each time it is seen, beside a sensor's 1"),
  minVehicles: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe(
      "Without a sensor, fewer vehicles than that say nothing: one may just look for a place to park",
    ),
  matchM: z
    .number()
    .positive()
    .max(500)
    .default(25)
    .describe("A vehicle farther away from a segment's line is not on it, in metres"),
  maxAccuracyM: z
    .number()
    .positive()
    .max(1_000)
    .default(50)
    .describe("Positions that are less certain (`accuracyM` larger) are left out, in metres"),
  maxStandS: seconds(1, 3_600)
    .default(120)
    .describe("A vehicle that stands for longer is parked, for all that is known, and counts no more"),
  maxVehicles: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(3_000)
    .describe("Most vehicles followed; the one not heard of longest is forgotten"),
  lateS: seconds(1, 7_200)
    .default(300)
    .describe("So late a reading still corrects what was told of its time, in seconds"),
  jamLevel: z
    .enum(["stationary", "queuing", "slow"])
    .default("queuing")
    .describe("A segment at this level or a worse one is jammed"),
  jamStartS: seconds(0, 3_600).default(60).describe("Jammed for so long: a jam begins, in seconds"),
  jamEndS: seconds(0, 3_600).default(120).describe("Not jammed for so long: it is over, in seconds"),
  minGainS: z
    .number()
    .min(0)
    .max(86_400)
    .default(60)
    .describe("An alternative that saves less than that over the usual way is not called best, in seconds"),
});

export type RoadSettings = z.infer<typeof roadSettings>;
export type SegmentSettings = z.infer<typeof segment>;
export type SensorSettings = z.infer<typeof sensor>;
export type RouteSettings = z.infer<typeof route>;

/** What the schema cannot say: names that are there twice or not at all, segments that do not join. Null if all is well. */
export function roadProblem({ segments, routes, ...times }: RoadSettings): string | null {
  const byName = new Map<string, SegmentSettings>();
  for (const [index, segment] of segments.entries()) {
    const path = `segments.${index}`;
    if (byName.has(segment.name)) return `${path}.name: ${quoted(segment.name)} is the name of another one`;
    if (segment.line === undefined && segment.lengthM === undefined)
      return `${path}: give it a \`line\`, or a \`lengthM\``;
    if (segment.line !== undefined && lineLengthM(segment.line) < 1)
      return `${path}.line: its corners are all in one place`;
    byName.set(segment.name, segment);
  }
  for (const key of ["jamStartS", "jamEndS"] as const) {
    if (times[key] > times.lateS) return `${key}: ${times[key]} is more than lateS (${times.lateS})`;
  }
  return routesProblem(routes, byName);
}

function routesProblem(
  routes: readonly RouteSettings[],
  byName: ReadonlyMap<string, SegmentSettings>,
): string | null {
  const taken = new Set(routes.flatMap(({ choice }) => (choice === undefined ? [] : [`${choice}/best`])));
  for (const [index, { name, segments }] of routes.entries()) {
    if (taken.has(name)) return `routes.${index}.name: ${quoted(name)} is the name of another one`;
    taken.add(name);
    for (const [place, wanted] of segments.entries()) {
      const path = `routes.${index}.segments.${place}`;
      const to = byName.get(wanted);
      if (to === undefined) return `${path}: there is no segment ${quoted(wanted)}`;
      const from = place === 0 ? undefined : byName.get(segments[place - 1] as string);
      const apartM = from === undefined ? 0 : gapM(from, to);
      if (apartM > joinM)
        return `${path}: ${quoted(wanted)} begins ${Math.round(apartM)} m away from the end of the segment before it`;
    }
  }
  return null;
}

/** Length of a line of corners, metres. */
export function lineLengthM(line: NonNullable<SegmentSettings["line"]>): number {
  let lengthM = 0;
  for (const [index, corner] of line.slice(1).entries())
    lengthM += distanceM(placeOfCorner(line[index] as readonly [number, number]), placeOfCorner(corner));
  return lengthM;
}

export function placeOfCorner([lat, lon]: readonly [number, number]): Position {
  return { lat, lon };
}

/** Where a segment is on the map; nothing if it has no line. */
export function segmentPlace({ name, line, oneWay }: SegmentSettings): MapPlace[] {
  if (line === undefined) return [];
  const geometry = { type: "LineString", coordinates: lineShape(line.map(placeOfCorner)) } as const;
  const filter = topicOf({ domain: "congestion", device: name });
  return [{ kind: "segment", name, filter, geometry, oneWay }];
}

/** How far it is from the end of one segment to the beginning of the next; 0 if that is not known. */
function gapM(from: SegmentSettings, to: SegmentSettings): number {
  const ends = endsOf(from, "end");
  const starts = endsOf(to, "start");
  return ends.length === 0 || starts.length === 0
    ? 0
    : Math.min(...ends.flatMap((end) => starts.map((start) => distanceM(end, start))));
}

/** Where one enters a segment, or leaves it: at either end where it is driven both ways. */
function endsOf({ line, oneWay }: SegmentSettings, which: "start" | "end"): Position[] {
  if (line === undefined) return [];
  const first = placeOfCorner(line[0] as readonly [number, number]);
  const last = placeOfCorner(line.at(-1) as readonly [number, number]);
  if (!oneWay) return [first, last];
  return [which === "start" ? first : last];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
