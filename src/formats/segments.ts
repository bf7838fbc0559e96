import type { Value } from "../model/reading.ts";
import { readText } from "./fields.ts";
import { isObject } from "./json-payload.ts";

/** Most flight segments of one quote; a long return journey has about ten. */
export const maxSegments = 64;

/** What a segment says. Times are local to the airport and stay as the feed wrote them. */
const segmentNames = [
  "carrier",
  "number",
  "operating",
  "from",
  "to",
  "departLocal",
  "departTz",
  "arriveLocal",
  "arriveTz",
  "cabin",
  "fareBasis",
] as const;

export type SegmentName = (typeof segmentNames)[number];

/** A segment with what its feed told of it. */
export type Segment = { readonly [name in SegmentName]?: string };

/** A segment from loose parts; parts that are absent or no text are left out. */
export function makeSegment(parts: { readonly [name in SegmentName]?: unknown }): Segment {
  const segment: { [name in SegmentName]?: string } = {};
  for (const name of segmentNames) {
    const text = readText(parts[name]);
    if (text !== undefined) segment[name] = text;
  }
  return segment;
}

/** The list of segments in `raw`, as our own messages spell them; undefined if it is none or too long. */
export function readSegments(raw: unknown): Segment[] | undefined {
  if (!Array.isArray(raw) || raw.length === 0 || raw.length > maxSegments) return undefined;
  return raw.filter(isObject).map((source) => makeSegment(source));
}

/** The cabin of all segments, in lower case: `mixed` where they differ, undefined where none says. */
export function cabinOf(segments: readonly Segment[]): string | undefined {
  let cabin: string | undefined;
  for (const segment of segments) {
    const own = segment.cabin?.toLowerCase();
    if (own === undefined) continue;
    if (cabin !== undefined && cabin !== own) return "mixed";
    cabin = own;
  }
  return cabin;
}

/** Segments as a value of a reading. */
export function segmentsValue(segments: readonly Segment[]): readonly Value[] {
  return segments as readonly { readonly [name: string]: string }[];
}
