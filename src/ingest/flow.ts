import type { Clock } from "../model/clock.ts";
import type { MqttLimits } from "./limits.ts";

type FlowLimits = Pick<MqttLimits, "maxInflightPublishes" | "maxInflightBytes" | "maxPublishesPerSecond">;

/** How much of what a client sends is under way, and how much and how fast may be. */
export class Flow {
  readonly #limits: FlowLimits;
  readonly #clock: Clock;
  readonly #onDue: () => void;
  /** Wire sizes of the PUBLISH packets under way, oldest first. */
  readonly #inflight: number[] = [];
  #inflightBytes = 0;
  /** Packets with Aedes that it has not answered. */
  #asked = 0;
  /** When the next PUBLISH is due if they came evenly, epoch milliseconds. */
  #dueAt = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param onDue called when `admit` may be asked again after the rate limit said no */
  constructor(limits: FlowLimits, clock: Clock, onDue: () => void) {
    this.#limits = limits;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** PUBLISH packets under way. */
  get size(): number {
    return this.#inflight.length;
  }

  /** Nothing waits for an answer, of Aedes' or ours. */
  get isAnswered(): boolean {
    return this.#inflight.length === 0 && this.#asked === 0;
  }

  /** True below half of the limits of what may be under way. */
  get hasRoom(): boolean {
    const { maxInflightPublishes, maxInflightBytes } = this.#limits;
    return 2 * this.#inflight.length < maxInflightPublishes && 2 * this.#inflightBytes < maxInflightBytes;
  }

  /** Takes one PUBLISH of `bytes` under way if the limits allow it now. */
  admit(bytes: number): boolean {
    const { maxInflightPublishes, maxInflightBytes, maxPublishesPerSecond } = this.#limits;
    if (this.#inflight.length >= maxInflightPublishes) return false;
    if (this.#inflight.length > 0 && this.#inflightBytes + bytes > maxInflightBytes) return false;
    if (maxPublishesPerSecond > 0 && !this.#isDue(1000 / maxPublishesPerSecond)) return false;
    this.#inflight.push(bytes);
    this.#inflightBytes += bytes;
    return true;
  }

  /** The oldest PUBLISH under way was answered. */
  answered(): void {
    this.#inflightBytes -= this.#inflight.shift() ?? 0;
  }

  /** A packet goes to Aedes, which will answer it. */
  asked(): void {
    this.#asked++;
  }

  /** Aedes has answered a packet. */
  aedesAnswered(): void {
    this.#asked--;
  }

  /** Forgets the timer. */
  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** The generic cell rate algorithm (ITU-T I.371) with a burst of one second. */
  #isDue(intervalMs: number): boolean {
    const burstMs = Math.max(1000, intervalMs);
    const now = this.#clock.now();
    // The upper bound matters only when the wall clock is set back.
    this.#dueAt = Math.min(Math.max(this.#dueAt, now), now + burstMs);
    const pauseMs = this.#dueAt + intervalMs - burstMs - now;
    if (pauseMs <= 0) {
      this.#dueAt += intervalMs;
      return true;
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#onDue();
    }, Math.ceil(pauseMs));
    return false;
  }
}
