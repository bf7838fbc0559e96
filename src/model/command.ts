import type { StreamErrorCode } from "./errors.ts";

/** What a dashboard asks a device to do. */
export interface Command {
  /** The topic of the device's readings, without a channel: `gps/van-7`. */
  readonly topic: string;
  /** The device's own word for it, such as `reboot`. */
  readonly command: string;
  /** What else the device needs to know; plain JSON. */
  readonly params?: object;
  /** How long the device may take to answer; the gateway's default if absent. */
  readonly timeoutMs?: number;
}

/** What came of a command: the device's result (JSON, null if it gave none), or why there is none. */
export type CommandOutcome =
  | { readonly result: unknown }
  | { readonly code: StreamErrorCode; readonly problem: string };
