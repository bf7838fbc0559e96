import type { Start } from "../../src/wire/requests.ts";
import type { Committed, Oracle } from "./model-oracle.ts";

/** What of the log up to `end` is owed; of what comes behind it, everything. */
export interface Selection {
  readonly end: number;
  wants(record: Committed): boolean;
}

/** What a start is owed that is answered now, by the protocol's document. @param time the one in the answer */
export function selectionOf(
  start: Start,
  filter: string,
  time: number | undefined,
  oracle: Oracle,
): Selection | null {
  const end = oracle.log.head;
  if (time !== undefined) return { end, wants: (record) => record.time > time };
  if (typeof start !== "object" || !("last" in start)) return null;
  const listed = new Set(oracle.newest(filter, start.last).map(({ seq }) => seq));
  return { end, wants: ({ seq }) => listed.has(seq) };
}

/** The clock of a replay that never has to wait: what it has not reached yet must not come. */
export class ModelPace {
  private time: number;
  private at: number;
  private speed: number;
  private isPaused: boolean;

  constructor(time: number, at: number, speed: number, isPaused: boolean) {
    this.time = time;
    this.at = at;
    this.speed = speed;
    this.isPaused = isPaused;
  }

  reached(now: number): number {
    if (!this.isPaused) this.time += (now - this.at) * this.speed;
    this.at = now;
    return this.time;
  }

  change(speed: number, isPaused: boolean, now: number): void {
    this.reached(now);
    this.speed = speed;
    this.isPaused = isPaused;
  }
}
