import type { Choice } from "./road-routes.ts";
import type { RoadSettings, SegmentSettings } from "./road-settings.ts";
import type { Observation } from "./road-speeds.ts";

/** What a state keeps of a segment, as far as it may be another one after a start. */
interface Based {
  readonly observations: Observation[];
  /** What the segment went by when this was kept; states of earlier versions have none. */
  basis?: string;
}

/** All that the traffic of each segment goes by, by its name; another text is another segment. */
export function basesOfSegments({ segments }: Pick<RoadSettings, "segments">): Map<string, string> {
  return new Map(segments.map(({ name, ...rest }) => [name, JSON.stringify(rest)]));
}

/**
 * After a start: drops what is known of segments that are no more, and of those that are other ones now what does not count any more,
 * which is all but what the sensors said that it still has.
 * @returns the names of those that are other ones
 */
export function resumeSegments(
  known: Map<string, Based>,
  { segments }: Pick<RoadSettings, "segments">,
  bases: ReadonlyMap<string, string>,
): Set<string> {
  const others = new Set<string>();
  for (const name of known.keys()) if (!bases.has(name)) known.delete(name);
  for (const segment of segments) {
    const kept = known.get(segment.name);
    const basis = bases.get(segment.name);
    if (kept === undefined || basis === undefined) continue;
    if ((kept.basis ?? basis) !== basis) {
      keepSensed(kept.observations, segment);
      others.add(segment.name);
    }
    kept.basis = basis;
  }
  return others;
}

/** What the words of each choice of routes go by, by its first route. */
export function basesOfChoices(choices: Iterable<Choice>): Map<string, string> {
  return new Map([...choices].map((choice) => [firstOf(choice), basisOf(choice)]));
}

/** Those that are other ones than they were by `bases`, or new. */
export function otherChoices(choices: Iterable<Choice>, bases: ReadonlyMap<string, string>): Choice[] {
  return [...choices].filter((choice) => bases.get(firstOf(choice)) !== basisOf(choice));
}

/** Under which name observations of a sensor's channel are kept. */
export function sourceOf(device: string, channel: string | undefined): string {
  return channel === undefined ? device : `${device} ${channel}`;
}

function firstOf({ routes }: Choice): string {
  return routes[0]?.name ?? "";
}

function basisOf({ routes }: Choice): string {
  return JSON.stringify(
    routes.map(({ name, segments, lengthM, freeFlowS }) => [
      name,
      lengthM,
      freeFlowS,
      segments.map((segment) => segment.name),
    ]),
  );
}

function keepSensed(observations: Observation[], { sensors }: SegmentSettings): void {
  const isOf = (source: string) =>
    sensors.some(({ device, channel }) =>
      channel === undefined
        ? source === device || source.startsWith(`${device} `)
        : source === sourceOf(device, channel),
    );
  const kept = observations.filter(({ source, trust }) => trust !== null && isOf(source));
  observations.splice(0, observations.length, ...kept);
}
