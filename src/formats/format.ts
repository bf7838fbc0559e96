import type { Decoded, Packet } from "../model/packet.ts";

/**
 * What the operator says about the devices behind some topics: an entry of `contexts` in the config, and one to one the
 * `context` of a message in the fixtures. Absent keys are unknown.
 */
export interface FormatSettings {
  /** IANA zone for local times without an offset, e.g. `Europe/Berlin`. */
  readonly timezone?: string;
  /** Where topics deviate from the format's usual ones; in the notation that the format's documents use (`%topic%`). */
  readonly topicPattern?: string;
  /** What the source's fields are; each format that takes one says in its docstring what it looks like. */
  readonly mapping?: unknown;
  /** emonHub's nodes: which value stands where. */
  readonly nodes?: unknown;
  /** Speed on the free road in km/h, from which `speedRatio` and `congestionLevel` follow. */
  readonly freeFlowKmh?: number;
}

/** What a decoder may ask of the router that holds it. */
export interface FormatHost {
  /**
   * Routes an exact topic to this decoder from now on, unless a format claims it by itself (a discovered device's state
   * topic). Bounded; false if there is no room.
   */
  claim(topic: string): boolean;
  release(topic: string): void;
}

/** Turns packets into readings. It never throws for a bad packet: it says what is wrong in `rejected`. */
export type Decode = (packet: Packet) => Decoded;

/**
 * One vendor's topics and payloads. `create` makes a decoder with its own memory, so that a format that must remember
 * (births, metadata) keeps it per gateway and not per process.
 */
export interface Format {
  /** Short and lower case, as in the folders of the fixtures: `owntracks`. */
  readonly name: string;
  /** One line for `fieldcast formats` and the README. */
  readonly title: string;
  /**
   * The topics it claims, as MQTT filters; a leading `#/` means "any levels before", as in `#/tele/SENSOR`, for
   * devices whose prefix is the owner's choice, and a level such as `switch:*` means all that begin so. The most specific claim wins.
   */
  readonly topics: readonly string[];
  /** @throws Error when a setting is wrong; the message begins with the setting's name */
  create(settings: FormatSettings, host: FormatHost): Decode;
}
