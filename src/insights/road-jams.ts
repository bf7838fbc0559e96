import { isCongested } from "../model/congestion.ts";
import { isoTime, type Values } from "../model/reading.ts";
import type { Segment } from "./road-network.ts";
import type { RoadSettings } from "./road-settings.ts";
import type { Estimate } from "./road-speeds.ts";
import { type Step, stepAt } from "./steps.ts";

/** Below it are the alerts of jams: `alerts/jam/<segment>`. */
export const jamLevel = "jam/";

/** Most segments of one queue that are looked at. */
const maxQueueSegments = 100;

/** Whether a segment is jammed. `lost`: it was, and then nothing was known of it for too long. */
export interface Jam {
  readonly state: "none" | "jam" | "over" | "lost";
  /** When it began and when it ended, epoch milliseconds. */
  readonly start: number | null;
  readonly end: number | null;
}

export const noJam: Jam = { state: "none", start: null, end: null };

type Condition = "jammed" | "clear" | "unknown";

/** What is known of a segment's jams at `time`, and when that changes by itself (`due`) if its speed stays. */
export interface JamCheck {
  readonly jam: Jam;
  readonly due: number | null;
}

/**
 * A jam begins when the segment was jammed for `jamStartS`, and then counts from when that began. It is over when the segment
 * was free of it for `jamEndS`, from when that began; the same with nothing known ends it as `lost`.
 * @param before what was so until then
 */
export function checkJam(
  before: Jam,
  estimates: readonly Step<Estimate>[],
  time: number,
  settings: Pick<RoadSettings, "jamLevel" | "jamStartS" | "jamEndS">,
): JamCheck {
  const { condition, since } = conditionAt(estimates, time, settings);
  const isJam = before.state === "jam";
  if (isJam === (condition === "jammed") || (!isJam && condition !== "jammed"))
    return { jam: before, due: null };
  const due = since + 1_000 * (isJam ? settings.jamEndS : settings.jamStartS);
  if (time < due) return { jam: before, due };
  if (!isJam) return { jam: { state: "jam", start: since, end: null }, due: null };
  return {
    jam: { state: condition === "clear" ? "over" : "lost", start: before.start, end: since },
    due: null,
  };
}

function conditionAt(
  estimates: readonly Step<Estimate>[],
  time: number,
  { jamLevel }: Pick<RoadSettings, "jamLevel">,
): { readonly condition: Condition; readonly since: number } {
  const conditionOf = ({ level }: Estimate): Condition => {
    if (level === "unknown") return "unknown";
    return isCongested(level, jamLevel) ? "jammed" : "clear";
  };
  let at = estimates.length - 1;
  while (at >= 0 && (estimates[at] as Step<Estimate>).time > time) at--;
  const now = estimates[at];
  if (now === undefined) return { condition: "unknown", since: Number.NEGATIVE_INFINITY };
  const condition = conditionOf(now.value);
  while (at > 0 && conditionOf((estimates[at - 1] as Step<Estimate>).value) === condition) at--;
  return { condition, since: (estimates[at] as Step<Estimate>).time };
}

/** What was known of each segment's jams. */
export type JamsOf = (segment: Segment) => readonly Step<Jam>[] | undefined;

function isJammed(segment: Segment, time: number, jamsOf: JamsOf): boolean {
  return stepAt(jamsOf(segment) ?? [], time)?.value.state === "jam";
}

/** The segments whose jams, as they are told, change with that of `segment`: those next to it, and the queue ahead of it. */
export function neighbours(segment: Segment, time: number, jamsOf: JamsOf): Set<Segment> {
  const found = new Set([segment, ...segment.upstream]);
  const ahead = [...segment.downstream];
  for (let next = ahead.pop(); next !== undefined && found.size < maxQueueSegments; next = ahead.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    if (isJammed(next, time, jamsOf)) ahead.push(...next.downstream);
  }
  return found;
}

/** A segment's jam as it is told: with the queue behind it, which is how it grows and shrinks. */
export function jamValues(segment: Segment, time: number, jamsOf: JamsOf): Values {
  const { state, start, end } = stepAt(jamsOf(segment) ?? [], time)?.value ?? noJam;
  const queue = new Set<Segment>();
  const behind = state === "jam" ? [segment] : [];
  for (let next = behind.pop(); next !== undefined && queue.size < maxQueueSegments; next = behind.pop()) {
    queue.add(next);
    behind.push(...next.upstream.filter((one) => !queue.has(one) && isJammed(one, time, jamsOf)));
  }
  let queueM = 0;
  for (const { lengthM } of queue) queueM += lengthM;
  return {
    state: state === "jam" ? "firing" : "resolved",
    outcome: state === "jam" ? null : state,
    severity: "warning",
    start: start === null ? null : isoTime(start),
    end: end === null ? null : isoTime(end),
    isHead: state === "jam" && !segment.downstream.some((one) => isJammed(one, time, jamsOf)),
    queueM: Math.round(queueM),
    queueSegments: queue.size,
  };
}
