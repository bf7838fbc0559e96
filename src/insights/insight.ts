import type { z } from "zod";
import type { MapPlace } from "../model/map-place.ts";
import type { DerivedDomain, Domain, Reading, Values } from "../model/reading.ts";
import type { Timetable } from "../model/timetable.ts";

/** A reading as an insight gets it: committed, with its place in the log. */
export interface CommittedReading {
  readonly seq: number;
  /** When it came, epoch milliseconds by the log's clock. Never less than that of the reading before. */
  readonly committedAt: number;
  readonly topic: string;
  readonly domain: Domain | DerivedDomain;
  readonly device: string;
  readonly channel: string | undefined;
  /** `domain` and `device`, which name the device among those of all domains: `gps/van-7`. */
  readonly deviceKey: string;
  /** When it was observed, epoch milliseconds. Late ones come after newer ones, and some come twice. */
  readonly time: number;
  readonly values: Values;
  readonly attrs: Values | null;
}

/** What a topic shows now, by the log's latest. */
export type Shown = Pick<CommittedReading, "domain" | "device" | "channel" | "time" | "values">;

/** Takes a reading for the log. Its `time` is that of the observation, or of the moment (`advance`), that it follows from. */
export type Emit = (reading: Reading) => void;

/** What an insight may know of its surroundings; the same from one start to the next unless the operator changes it. */
export interface InsightContext {
  /** The gateway's zone (config key `timezone`), null if none is set. */
  readonly timezone: string | null;
  /** What stood in the files that `Insight.files` named, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The timetables that `Insight.timetables` named, by name; absent if it names none. */
  readonly timetables?: ReadonlyMap<string, Timetable>;
}

/** The moving part of an insight. It knows no other time than what it is given, and does nothing but change its state and emit. */
export interface Reducer {
  /** Takes one reading that matches the insight's filters. Each comes once, in the order of the log. */
  reduce(reading: CommittedReading, emit: Emit): void;
  /**
   * Does what has become due by `now` (epoch milliseconds by the log's clock, never going back), in the order in which it
   * became due, with the due time as time of what it emits. Called now and then, and before readings that came later. How
   * often must not matter: advancing to 5 and then to 9 emits and leaves what advancing to 9 does. `DueTimes` makes that easy.
   */
  advance?(now: number, emit: Emit): void;
  /**
   * Whether what a topic of this insight shows is of something that is still there: in the settings, in the timetable, asked for.
   * That nothing was heard of it for long does not matter. Asked after each start of what has an `Insight.ending`; absent: always.
   */
  stands?(shown: Shown, now: number): boolean;
}

/**
 * A pure reducer from readings to derived readings: what it emits depends on nothing but its settings, the readings and the
 * log's clock. README.md beside this file says how to write one.
 *
 * **Exactly once.** The runner commits what an insight emits together with the place up to which it has read (`Progress` in
 * log/contract.ts), and its state now and then. After a restart it goes on from the newest saved state, gives it again what
 * came since, drops what is emitted until the committed place is reached, and commits what is emitted after it. So nothing
 * is emitted twice and nothing is missing, as long as the ring still holds what came after the saved state. What is
 * switched on for the first time reads the whole ring.
 *
 * **Contained.** An insight that throws is stopped, logged once, counted and named in /readyz; everything else flows on. At
 * the next start it goes on from its last state.
 */
export interface Insight<Settings = unknown, State = unknown> {
  /** Its key in the config's `insights`, and the name of its progress in the log. Never changed. */
  readonly name: string;
  /** One sentence for the reference of config keys. */
  readonly description: string;
  /** Whether it runs when the config does not mention it. */
  readonly onByDefault: boolean;
  /** What may stand below its name in the config: a strict object in which every key has a description. */
  readonly settings: z.ZodObject & z.ZodType<Settings>;
  /** Says what is wrong with the settings beyond what the schema can, beginning with the key's path; null if nothing. */
  problem?(settings: Settings): string | null;
  /** First levels of the topics that it writes. */
  readonly writes: readonly DerivedDomain[];
  /**
   * MQTT filters of what it reads. Topics under its own first levels match only a filter that begins with that level, so
   * that `#` never feeds an insight with what it says itself.
   */
  reads(settings: Settings): readonly string[];
  /** Names of files that it needs. They are read before `create`, and the gateway does not start without them. */
  files?(settings: Settings): readonly string[];
  /** Names of GTFS archives that it needs. Like `files`, but read as a stream, since they are large. */
  timetables?(settings: Settings): readonly string[];
  /**
   * What a topic says from `now` on when nothing stands behind it any more (`Reducer.stands`): null for another insight's topic, for
   * what is over, and for what was true of a time that is over, as a day's sum. The runner tells it once, at the head of the log,
   * whatever became of the state. `create` drops all else that it knows of such things, so that they begin anew if they come back.
   * An insight that is switched off ends all of it, and is made anew from the ring when it is switched on again.
   */
  ending?(shown: Shown, now: number): Values | null;
  /** What stands on the map because of its settings: the most important first, since a map has limits. */
  places?(settings: Settings, context: InsightContext): readonly MapPlace[];
  /** Raised when the form of `State` changes. A saved state of another version is dropped, and made anew from the ring. */
  readonly stateVersion: number;
  /** The state before the first reading. */
  start(): State;
  /**
   * Makes the reducer. `state` comes from `start` or from an earlier life, perhaps with other settings. The reducer changes
   * it in place, and keeps in it all that it must not forget: plain objects, arrays, Map, Set, numbers, text (what
   * structured clone takes). Every collection in it is bounded, by a limit with a name. What can be made from it again
   * (due times, spatial indexes) is made here.
   */
  create(settings: Settings, state: State, context: InsightContext): Reducer;
}
