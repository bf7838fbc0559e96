import type { Domain } from "../src/model/reading.ts";

/** What a simulated device publishes. The payload carries its own observation time, so it can be sent later. */
export interface Message {
  /** The `id` of the device. */
  readonly device: string;
  readonly topic: string;
  readonly payload: string;
}

/** One device of the fleet. It knows no clock: time is what it is told. */
export interface Device {
  /** Unique in the fleet; becomes part of the MQTT client id. */
  readonly id: string;
  readonly domain: Domain;
  /** What the gateway shows its readings under, without a channel: commands for it come to `command/` and this. */
  readonly topic: string;
  /** What it is, as it says when it is asked. */
  readonly model: string;
  /** Moves on by `dtS` seconds, to the instant `time` (epoch ms); returns what it says at once (a door that opens). */
  step(time: number, dtS: number): Message[];
  /** What it says at its regular pace. */
  report(time: number): Message[];
  /** What it kept from the time before its beginning, as if it had been without network till then; oldest first. */
  past?(): Message[];
}

/** What every device is made from. */
export interface DeviceSettings {
  readonly id: string;
  readonly seed: number;
  /** Epoch milliseconds of the beginning. */
  readonly startTime: number;
}
