import type { Value, Values } from "../../model/reading.ts";
import { type Mean, meanOf } from "./means.ts";

/** What the readings of a step come to. */
export const aggregates = ["mean", "min", "max", "first", "last", "count"] as const;
export type Aggregate = (typeof aggregates)[number];

/** Most different names in one step; those beyond are left out. */
export const maxStepFields = 1_024;

/** The start of the step that `time` lies in; steps are aligned to 1970-01-01 UTC. All in milliseconds. */
export function stepStart(time: number, stepMs: number): number {
  return Math.floor(time / stepMs) * stepMs;
}

/** Whether a value only counts up as long as nobody resets it, so that its mean says nothing. */
export function isCounter(name: string): boolean {
  return /^energy(Import|Export)(T\d)?Wh$/.test(name) || name === "odometerM";
}

/**
 * Gathers what was observed in one step of time. `min`, `max` and `mean` take numbers only, and `mean` leaves counters out. The
 * mean of directions (`…Deg`) is that of their vectors, the mean of `lon` goes the shorter way around the globe, and that of money
 * (`…Minor`) is rounded to a whole minor unit.
 */
export class Step {
  readonly #aggregate: Aggregate;
  readonly #fields = new Map<string, Gathered>();

  constructor(aggregate: Aggregate) {
    this.#aggregate = aggregate;
  }

  /** Readings may come in any order. */
  add({ time, seq, values }: Observed): void {
    for (const [name, value] of Object.entries(values)) {
      if (!isTaken(this.#aggregate, name, value)) continue;
      const known = this.#fields.get(name);
      if (known) this.#gather(known, { value, time, seq });
      else if (this.#fields.size < maxStepFields) this.#fields.set(name, this.#begin(name, value, time, seq));
    }
  }

  /** Null if there is nothing. */
  result(): Values | null {
    if (this.#fields.size === 0) return null;
    const results = [...this.#fields].map(([name, { count, mean, value }]) => {
      if (this.#aggregate === "count") return [name, count];
      return [name, mean ? mean.result() : value];
    });
    return Object.fromEntries(results) as Values;
  }

  #begin(name: string, value: Value, time: number, seq: number): Gathered {
    const mean = this.#aggregate === "mean" ? meanOf(name) : null;
    mean?.add(value as number);
    return { count: 1, mean, value, time, seq };
  }

  #gather(known: Gathered, found: Candidate): void {
    known.count++;
    known.mean?.add(found.value as number);
    if (isBetter(this.#aggregate, found, known)) Object.assign(known, found);
  }
}

type Observed = { readonly time: number; readonly seq: number; readonly values: Values };

interface Candidate {
  readonly value: Value;
  readonly time: number;
  readonly seq: number;
}

/** What is known of one field in one step. */
interface Gathered {
  count: number;
  mean: Mean | null;
  /** The least, greatest, first or last so far, and where it is from. */
  value: Value;
  time: number;
  seq: number;
}

function isTaken(aggregate: Aggregate, name: string, value: Value): boolean {
  if (aggregate === "mean") return typeof value === "number" && !isCounter(name);
  return aggregate === "min" || aggregate === "max" ? typeof value === "number" : true;
}

function isBetter(aggregate: Aggregate, found: Candidate, known: Candidate): boolean {
  const later = found.time - known.time || found.seq - known.seq;
  switch (aggregate) {
    case "min":
      return (found.value as number) < (known.value as number);
    case "max":
      return (found.value as number) > (known.value as number);
    case "first":
      return later < 0;
    case "last":
      return later > 0;
    default:
      return false;
  }
}
