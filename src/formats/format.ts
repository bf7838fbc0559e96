import type { Decoded, Packet } from "../model/packet.ts";

/** What the operator says about the devices of a format; absent keys are unknown. */
export interface FormatSettings {
  /** IANA zone for local times without an offset, e.g. `Europe/Berlin`. */
  readonly timezone?: string;
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
   * devices whose prefix is the owner's choice. The most specific claim wins.
   */
  readonly topics: readonly string[];
  create(settings: FormatSettings): Decode;
}
