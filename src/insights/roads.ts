import type { Reading, Values } from "../model/reading.ts";
import { DueTimes } from "./due-times.ts";
import type { CommittedReading, Emit, Insight, Reducer, Shown } from "./insight.ts";
import { basesOfChoices, basesOfSegments, otherChoices, resumeSegments, sourceOf } from "./road-basis.ts";
import { roadEnding } from "./road-endings.ts";
import { checkJam, type Jam, jamLevel, jamValues, neighbours, noJam } from "./road-jams.ts";
import { RoadNetwork, type Segment, sensedSpeed, tellsEmptyRoad } from "./road-network.ts";
import { Probes, type Vehicles } from "./road-probes.ts";
import { type Choice, choicesBySegment, routeWords } from "./road-routes.ts";
import { type RoadSettings, roadProblem, roadSettings, segmentPlace } from "./road-settings.ts";
import {
  addObservation,
  type Estimate,
  emptyRoad,
  estimateAt,
  isChange,
  type Observation,
  type Reckoning,
  removeObservation,
  staleMsOf,
  unknownEstimate,
} from "./road-speeds.ts";
import { putStep, type Step, stepAt } from "./steps.ts";

/** What is kept of a segment. */
interface Kept {
  /** In the order of their times, as long as they can count for a time that may still be corrected. */
  readonly observations: Observation[];
  /** What was told of it lately, and of its jams. */
  readonly estimates: Step<Estimate>[];
  readonly jams: Step<Jam>[];
  readonly alerts: Step<Values>[];
  /** From when on something may be different from what was told, null if nothing is. */
  dirtyFrom: number | null;
  /** When it is to be reckoned anew, null if nothing will change by itself. */
  due: number | null;
  /** Of the segment (road-basis.ts); states of earlier versions have none. */
  basis?: string;
}

interface State {
  readonly segments: Map<string, Kept>;
  readonly vehicles: Vehicles;
  /** What was told of routes lately, by topic below `routes/`. */
  readonly routes: Map<string, Step<Values>[]>;
  /** Of the choices, by their first route. */
  bases?: Map<string, string>;
}

/**
 * Traffic on a network of roads: `congestion/<segment>`, `routes/<route>`, `routes/<choice>/best`, `alerts/jam/<segment>`;
 * ROADS.md beside this file tells their values. All is reckoned for whole intervals of the clock from what was observed before,
 * so that neither the order of arrival nor the rhythm of the devices decides what comes out; what comes late changes what was
 * told for the times that it concerns.
 */
export const roads: Insight<RoadSettings, State> = {
  name: "roads",
  description:
    "Congestion per stretch of road from sensors and vehicles, travel times, the best alternative, jams",
  onByDefault: false,
  settings: roadSettings,
  writes: ["congestion", "routes", "alerts"],
  reads: ({ segments, probes }) =>
    segments.some(({ sensors }) => sensors.length > 0) ? [...probes, "road/#"] : probes,
  problem: roadProblem,
  ending: roadEnding,
  places: ({ segments }) => segments.flatMap(segmentPlace),
  stateVersion: 2,
  start: () => ({ segments: new Map(), vehicles: new Map(), routes: new Map() }),
  create: (settings, state) => new RoadsReducer(settings, state),
};

class RoadsReducer implements Reducer {
  readonly #settings: RoadSettings;
  readonly #state: State;
  readonly #network: RoadNetwork;
  readonly #probes: Probes;
  readonly #choices: ReadonlyMap<string, readonly Choice[]>;
  readonly #due = new DueTimes();
  readonly #intervalMs: number;
  readonly #detailMs: number;
  readonly #lateMs: number;
  readonly #bases: ReadonlyMap<string, string>;
  /** Segments and choices that are other ones than before the start, until that is told. */
  readonly #otherSegments: Set<string>;
  #otherChoices: readonly Choice[];

  constructor(settings: RoadSettings, state: State) {
    this.#settings = settings;
    this.#state = state;
    this.#intervalMs = settings.intervalS * 1_000;
    this.#detailMs = settings.detailS * 1_000;
    this.#lateMs = settings.lateS * 1_000;
    this.#network = new RoadNetwork(settings);
    this.#probes = new Probes(this.#network, state.vehicles, settings);
    this.#choices = choicesBySegment(settings, this.#network);
    this.#bases = basesOfSegments(settings);
    this.#otherSegments = resumeSegments(state.segments, settings, this.#bases);
    for (const [name, { due }] of state.segments) if (due !== null) this.#due.set(name, due);
    const { routes } = settings;
    const names = new Set(routes.flatMap(({ name, choice }) => [name, `${choice}/best`]));
    for (const name of state.routes.keys()) if (!names.has(name)) state.routes.delete(name);
    const choices = new Set([...this.#choices.values()].flat());
    this.#otherChoices = state.bases
      ? otherChoices(choices, state.bases).filter((choice) => this.#isKnown(choice))
      : [];
    state.bases = basesOfChoices(choices);
  }

  /** Whether anything was told of it, or of its segments. */
  #isKnown({ routes }: Choice): boolean {
    const known = this.#state;
    return routes.some(
      ({ name, segments }) => known.routes.has(name) || segments.some((one) => known.segments.has(one.name)),
    );
  }

  reduce({ domain, device, channel, deviceKey, time, values, committedAt }: CommittedReading): void {
    if (domain === "road") return this.#sense(device, channel, time, values, committedAt);
    const source = deviceKey;
    this.#probes.take(source, time, values, (segment, at, speedKmh, isGone) => {
      const kept = this.#keep(segment);
      const isNews = isGone
        ? removeObservation(kept.observations, at, source)
        : this.#add(kept, { time: at, source, speedKmh, trust: null, rank: 0 }, committedAt);
      if (isNews) this.#changed(segment, kept, at, committedAt);
    });
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const names = [next.key];
      for (let same = this.#due.take(next.due); same !== null; same = this.#due.take(next.due)) {
        names.push(same.key);
      }
      const readings = this.#settle(names, next.due);
      for (const reading of readings.sort((one, other) => one.time - other.time)) emit(reading);
    }
    this.#tellOthers(now, emit);
  }

  /** What is other than before the start: segments are reckoned anew, routes from what their segments show. */
  #tellOthers(now: number, emit: Emit): void {
    const { segments } = this.#state;
    for (const name of this.#otherSegments) this.#changed(name, segments.get(name) as Kept, now, now);
    this.#otherSegments.clear();
    const readings: Reading[] = [];
    for (const choice of this.#otherChoices) this.#tellRoutes(choice, now, now, readings);
    this.#otherChoices = [];

    for (const reading of readings) emit(reading);
  }

  /** Whether it is what is known. Of what nothing is known, nobody can say that it is still so. */
  stands({ domain, device, channel, values }: Shown, now: number): boolean {
    const { segments, routes } = this.#state;
    if (domain === "routes") return routes.has(channel === undefined ? device : `${device}/${channel}`);
    if (domain === "alerts") {
      const jams = segments.get(device.slice(jamLevel.length))?.jams;
      return jams !== undefined && (values["state"] === "resolved" || jams.at(-1)?.value.state === "jam");
    }
    const kept = segments.get(device);
    if (kept === undefined || kept.estimates.at(-1)?.value.level === values["level"])
      return kept !== undefined;
    // It is something else now, and begins anew.
    kept.estimates.length = 0;
    this.#changed(device, kept, now, now);
    return false;
  }

  #sense(device: string, channel: string | undefined, time: number, values: Values, now: number): void {
    const mounted = this.#network.measuredBy(device, channel);
    const { intervalS } = values;
    if (typeof intervalS === "number" && intervalS > this.#settings.maxSensorIntervalS) return;
    for (const one of mounted) {
      const sensed = sensedSpeed(values, one) ?? (tellsEmptyRoad(values) ? emptyRoad : null);
      if (sensed === null) continue;
      const { name } = one.segment;
      const kept = this.#keep(name);
      const observation = { time, source: sourceOf(device, channel), ...sensed, trust: one.sensor.trust };
      if (this.#add(kept, observation, now)) this.#changed(name, kept, time, now);
    }
  }

  #keep(segment: string): Kept {
    const known = this.#state.segments.get(segment);
    if (known !== undefined) return known;
    const basis = this.#bases.get(segment) ?? "";
    const kept = { observations: [], estimates: [], jams: [], alerts: [], dirtyFrom: null, due: null, basis };
    this.#state.segments.set(segment, kept);
    return kept;
  }

  /** Returns false for what is known, or too late to change anything. */
  #add({ observations }: Kept, observation: Observation, now: number): boolean {
    const until = observation.time + staleMsOf(observation, this.#settings);
    return until > now - this.#lateMs && addObservation(observations, observation);
  }

  /** Something observed at `time` came, or was taken back. */
  #changed(segment: string, kept: Kept, time: number, now: number): void {
    const from = Math.max(this.#after(time), this.#upTo(now - this.#lateMs));
    kept.dirtyFrom = Math.min(kept.dirtyFrom ?? from, from);
    const due = Math.max(this.#after(time), this.#after(now));
    if (kept.due === null || due < kept.due) this.#await(segment, kept, due);
  }

  #await(segment: string, kept: Kept, due: number | null): void {
    kept.due = due;
    if (due === null) this.#due.delete(segment);
    else this.#due.set(segment, due);
  }

  /** The first moment of reckoning behind a time: what is observed at it counts from then on. */
  #after(time: number): number {
    return (Math.floor(time / this.#intervalMs) + 1) * this.#intervalMs;
  }

  #upTo(time: number): number {
    return Math.ceil(time / this.#intervalMs) * this.#intervalMs;
  }

  /** Reckons segments anew at a moment, from where they changed, and all that depends on them. */
  #settle(names: readonly string[], at: number): Reading[] {
    const readings: Reading[] = [];
    const choices = new Map<Choice, number>();
    const jams = new Map<Segment, number>();
    for (const name of names) {
      const segment = this.#network.segments.get(name) as Segment;
      const kept = this.#state.segments.get(name) as Kept;
      const { speed, jam } = this.#reckon(segment, kept, at, readings);
      if (speed !== null)
        for (const choice of this.#choices.get(name) ?? []) noteEarliest(choices, choice, speed);
      if (jam !== null) jams.set(segment, jam);
    }
    const alerts = new Map<Segment, number>();
    for (const [segment, from] of jams)
      for (const one of this.#affected(segment, from, at)) noteEarliest(alerts, one, from);
    for (const [choice, from] of choices) this.#tellRoutes(choice, from, at, readings);
    for (const [segment, from] of alerts) this.#tellJam(segment, from, at, readings);
    return readings;
  }

  /** Returns from when on its speed and its jams are other than was known. */
  #reckon(
    segment: Segment,
    kept: Kept,
    at: number,
    readings: Reading[],
  ): { speed: number | null; jam: number | null } {
    const { observations, estimates, jams } = kept;
    const changed: { speed: number | null; jam: number | null } = { speed: null, jam: null };
    const keepFrom = at - this.#lateMs;
    let due = Number.POSITIVE_INFINITY;
    for (let time = Math.min(kept.dirtyFrom ?? at, at); time <= at; time += this.#intervalMs) {
      const reckoning = estimateAt(observations, time, segment, this.#settings);
      const { value, toldDue } = this.#toldFrom(estimates, time, reckoning);
      if (putStep(estimates, { time, value }, unknownEstimate, keepFrom)) {
        changed.speed ??= time;
        readings.push({ domain: "congestion", device: segment.name, time, values: { ...value } });
      }
      const before = stepAt(jams, time - 1)?.value ?? noJam;
      const { jam, due: jamDue } = checkJam(before, estimates, time, this.#settings);
      if (putStep(jams, { time, value: jam }, noJam, keepFrom)) changed.jam ??= time;
      const { next, until } = reckoning;
      due = Math.min(
        this.#after(next),
        this.#upTo(until),
        this.#upTo(jamDue ?? Number.POSITIVE_INFINITY),
        toldDue,
      );
    }
    kept.dirtyFrom = null;
    this.#forget(observations, at);
    this.#await(segment.name, kept, Number.isFinite(due) ? due : null);
    return changed;
  }

  /** What is told from a moment on, and when more is to be told if nothing happens. */
  #toldFrom(
    estimates: readonly Step<Estimate>[],
    time: number,
    { estimate }: Reckoning,
  ): { readonly value: Estimate; readonly toldDue: number } {
    const never = Number.POSITIVE_INFINITY;
    const before = stepAt(estimates, time - 1)?.value ?? unknownEstimate;
    const change = isChange(before, estimate, this.#settings.changePct);
    if (change === "no") return { value: before, toldDue: never };
    // The first moment of each `detailS`: the rhythm must not depend on what was told when.
    const first = this.#upTo(Math.floor(time / this.#detailMs) * this.#detailMs);
    if (change === "at once" || first === time) return { value: estimate, toldDue: never };
    return { value: before, toldDue: this.#upTo((Math.floor(time / this.#detailMs) + 1) * this.#detailMs) };
  }

  #forget(observations: Observation[], at: number): void {
    const { staleS, probeStaleS } = this.#settings;
    const from = at - this.#lateMs - 1_000 * Math.max(staleS, probeStaleS);
    let gone = 0;
    while ((observations[gone]?.time ?? from) < from) gone++;
    if (gone > 0) observations.splice(0, gone);
  }

  #affected(segment: Segment, from: number, at: number): Set<Segment> {
    const found = new Set<Segment>();
    for (let time = from; time <= at; time += this.#intervalMs)
      for (const one of neighbours(segment, time, this.#jamsOf)) found.add(one);
    return found;
  }

  readonly #jamsOf = ({ name }: Segment): readonly Step<Jam>[] | undefined =>
    this.#state.segments.get(name)?.jams;

  #tellRoutes(choice: Choice, from: number, at: number, readings: Reading[]): void {
    for (let time = from; time <= at; time += this.#intervalMs) {
      const estimateOf = ({ name }: Segment) =>
        stepAt(this.#state.segments.get(name)?.estimates ?? [], time)?.value;
      for (const word of routeWords(choice, estimateOf, this.#settings.minGainS)) {
        const name = word.channel === undefined ? word.device : `${word.device}/${word.channel}`;
        const told = this.#state.routes.get(name) ?? [];
        this.#state.routes.set(name, told);
        if (putStep(told, { time, value: word.values }, null, at - this.#lateMs))
          readings.push({ domain: "routes", ...word, time });
      }
    }
  }

  #tellJam(segment: Segment, from: number, at: number, readings: Reading[]): void {
    const { alerts } = this.#keep(segment.name);
    const nothing = jamValues(segment, Number.NEGATIVE_INFINITY, this.#jamsOf);
    for (let time = from; time <= at; time += this.#intervalMs) {
      const values = jamValues(segment, time, this.#jamsOf);
      if (putStep(alerts, { time, value: values }, nothing, at - this.#lateMs))
        readings.push({ domain: "alerts", device: `${jamLevel}${segment.name}`, time, values });
    }
  }
}

function noteEarliest<Key>(times: Map<Key, number>, key: Key, time: number): void {
  times.set(key, Math.min(times.get(key) ?? time, time));
}
