import type { Choice } from "./road-routes.ts";
import type { RoadSettings, SegmentSettings } from "./road-settings.ts";
import type { Observation } from "./road-speeds.ts";

/** All that is known of each segment by its name, as far as its traffic goes by it; another text is another segment. */
export function basesOfSegments({ segments }: Pick<RoadSettings, "segments">): Map<string, string> {
  return new Map(segments.map(({ name, ...rest }) => [name, JSON.stringify(rest)]));
}

/** The same of routes that are alternatives to each other. */
export function basisOfChoice({ routes }: Choice): string {
  return JSON.stringify(
    routes.map(({ name, segments, lengthM, freeFlowS }) => [
      name,
      lengthM,
      freeFlowS,
      ...segments.map((segment) => segment.name),
    ]),
  );
}

/** What still counts of the observations of a segment that is another one now: those of the sensors that it has. */
export function keepSensed(observations: Observation[], { sensors }: Pick<SegmentSettings, "sensors">): void {
  const kept = observations.filter(
    ({ source, trust }) =>
      trust !== null &&
      sensors.some(({ device, channel }) =>
        channel === undefined
          ? source === device || source.startsWith(`${device} `)
          : source === sourceOf(device, channel),
      ),
  );
  observations.splice(0, observations.length, ...kept);
}

/** Under which name observations of a sensor's channel are kept. */
export function sourceOf(device: string, channel: string | undefined): string {
  return channel === undefined ? device : `${device} ${channel}`;
}
