import type { Reading } from "./reading.ts";

/** What a device published, untouched. */
export interface Packet {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** When the broker got it, epoch milliseconds. A format uses it as its clock, never the real one. */
  readonly receivedAt: number;
  /** The MQTT client id or other name of the sender, null where there is none (a last will, a replay). */
  readonly client: string | null;
  /** False if the sender is not told whether it was stored (QoS 0). Absent: true. */
  readonly isAwaited?: boolean;
}

/** What a format made of a packet. Both can be filled: one bad entity of many does not take the others with it. */
export interface Decoded {
  readonly readings: readonly Reading[];
  /** Why something in the packet could not be read, with the path of the field; null if nothing was wrong. */
  readonly rejected: string | null;
  /**
   * True if later packets cannot be read without this one (a birth, metadata, a discovery config). The newest such packet
   * of each topic is kept, and after a restart it is decoded again before anything else, its readings thrown away. One with
   * an empty payload is forgotten.
   */
  readonly remember?: boolean;
  /** What to publish in answer, to MQTT only (a request for a new birth). */
  readonly replies?: readonly Reply[];
}

/** A message from a format to a device. */
export interface Reply {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** A packet that could not be read (or not all of it), kept whole with the reason. */
export interface QuarantinedPacket {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly receivedAt: number;
  readonly client: string | null;
  /** The format that tried, null if no format claims the topic. */
  readonly format: string | null;
  readonly reason: string;
}
