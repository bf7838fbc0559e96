import type { Domain, Reading, Values } from "../model/reading.ts";
import { makeReading } from "./outcome.ts";

/** Readings of one device at one time, a reading for each of its channels. */
export class ChannelReadings {
  readonly readings: Reading[] = [];
  readonly #domain: Domain;
  readonly #device: string;
  readonly #time: number;
  #byChannel: Map<string, Values> | null = null;
  #last: Values | null = null;
  #lastChannel = "";

  constructor(domain: Domain, device: string, time: number) {
    this.#domain = domain;
    this.#device = device;
    this.#time = time;
  }

  /** The values of a channel ("" is the device itself), which the caller must add one to. */
  valuesOf(channel: string): Values {
    // Most devices have one channel, and the others name theirs in order: this spares them the map.
    if (this.#last !== null && this.#lastChannel === channel) return this.#last;
    const values = this.#byChannel?.get(channel) ?? this.#create(channel);
    this.#last = values;
    this.#lastChannel = channel;
    return values;
  }

  #create(channel: string): Values {
    const values: Values = {};
    if (this.#last !== null) {
      this.#byChannel ??= new Map([[this.#lastChannel, this.#last]]);
      this.#byChannel.set(channel, values);
    }
    const name = channel === "" ? undefined : channel;
    this.readings.push(makeReading(this.#domain, this.#device, name, this.#time, values));
    return values;
  }
}
