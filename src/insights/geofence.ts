import { z } from "zod";
import { isoTime } from "../model/reading.ts";
import { DeviceCourses, type Devices } from "./device-courses.ts";
import { Fences, fencePlace, fencesProblem, fencesSettings } from "./fences.ts";
import { accuracyOf, type Fix, type FixFilter, fixSettings, judge, newFixFilter } from "./fixes.ts";
import type { Insight } from "./insight.ts";
import type { Course } from "./rework.ts";
import type { Tell } from "./told-words.ts";

/** Most fences in which a device is at once; further ones are not entered. */
const maxInside = 32;

const settings = z.strictObject({ ...fencesSettings, ...fixSettings });

type Settings = z.infer<typeof settings>;

interface Visit {
  readonly entered: number;
  dwells: boolean;
}

interface Fold {
  readonly filter: FixFilter;
  /** The fences that hold the device, by name. */
  readonly inside: Map<string, Visit>;
}

/**
 * Who is in which fence: `geofence/<fence>/<device>` with `event` (enter, dwell, exit, removed: what happened last), `inside`,
 * `enteredAt`, `leftAt` (ISO 8601, null while inside) and `insideS` (how long it has been, or was, inside). A device enters
 * with its first position inside, and leaves with the first one that is farther outside than the hysteresis and than its
 * own accuracy. It dwells when a position says that it is still inside after `dwellS`: silence says nothing.
 */
export const geofence: Insight<Settings, Devices<Fold>> = {
  name: "geofence",
  description: "Which devices enter, leave and dwell in which fences (circles and areas)",
  onByDefault: false,
  settings,
  writes: ["geofence"],
  reads: ({ filters }) => filters,
  problem: ({ fences }) => fencesProblem(fences),
  places: ({ fences }) => fences.flatMap(fencePlace),
  // When it left, nobody knows.
  ending: ({ values }) =>
    values["inside"] === true
      ? { ...values, event: "removed", inside: false, leftAt: null, insideS: null }
      : null,
  stateVersion: 2,
  start: () => new Map(),
  create: (settings, devices) => {
    const fences = new Fences(settings);
    return new DeviceCourses({
      ...settings,
      devices,
      course: courseOf(settings, fences),
      silentAfterS: Number.POSITIVE_INFINITY,
      tellTo: (device, emit) => (fence, time, values) =>
        emit({ domain: "geofence", device: `${fence}/${device}`, time, values }),
      names: {
        isKnown: (name) => fences.get(name) !== undefined,
        // The name of a fence is one level.
        of({ device: topic }) {
          const [fence = "", ...device] = topic.split("/");
          return [device.join("/"), fence];
        },
        isSo: ({ inside }, name, values) => values["inside"] !== true || inside.has(name),
        partOf: ({ inside }) => inside,
      },
    });
  },
};

function courseOf(settings: Settings, fences: Fences): Course<Fix, Fold> {
  return {
    start: () => ({ filter: newFixFilter(), inside: new Map() }),
    step({ filter, inside }, fix, tell) {
      if (judge(filter, fix, settings) === "bad") return;
      if (inside.size > 0) stayOrLeave(fences, inside, fix, tell);
      for (const fence of fences.near(fix)) {
        if (inside.has(fence.name) || inside.size >= maxInside || fence.depthM(fix) < 0) continue;
        const visit = { entered: fix.time, dwells: false };
        inside.set(fence.name, visit);
        tellOf("enter", fence.name, visit, fix.time, tell);
      }
    },
  };
}

function stayOrLeave(fences: Fences, inside: Map<string, Visit>, fix: Fix, tell: Tell): void {
  for (const [name, visit] of inside) {
    const fence = fences.get(name);
    if (fence === undefined) {
      inside.delete(name);
    } else if (fence.depthM(fix) < -Math.max(fence.hysteresisM, accuracyOf(fix))) {
      inside.delete(name);
      tellOf("exit", name, visit, fix.time, tell);
    } else if (!visit.dwells && fix.time - visit.entered >= fence.dwellMs) {
      visit.dwells = true;
      tellOf("dwell", name, visit, visit.entered + fence.dwellMs, tell);
    }
  }
}

function tellOf(
  event: "enter" | "dwell" | "exit",
  fence: string,
  { entered }: Visit,
  time: number,
  tell: Tell,
): void {
  const hasLeft = event === "exit";
  tell(fence, time, {
    event,
    inside: !hasLeft,
    enteredAt: isoTime(entered),
    leftAt: hasLeft ? isoTime(time) : null,
    insideS: (time - entered) / 1_000,
  });
}
