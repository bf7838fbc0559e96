import type { Values } from "../model/reading.ts";

/** Says that from `time` on (epoch milliseconds) the topic called `name` shows `values`; always all of its values. */
export type Tell = (name: string, time: number, values: Values) => void;

/** What was told under a name. */
export interface Told {
  readonly time: number;
  /** Time of the observation from which it followed. */
  readonly by: number;
  readonly values: Values;
}

/** Tells again what now follows, where it is not what was told. @returns what stands now */
export function correct(
  name: string,
  olds: readonly Told[],
  news: readonly Told[],
  { settledTo, isKept }: { readonly settledTo: number; readonly isKept: boolean },
  tell: Tell,
): Told[] {
  const list = olds.filter(({ by }) => by <= settledTo);
  for (const told of news) place(list, told);
  const oldOf = new Map(olds.map((told) => [told.time, told]));
  for (const old of olds) {
    if (list.some(({ time }) => time === old.time)) continue;
    const values = isKept
      ? old.values
      : (list.findLast(({ time }) => time < old.time)?.values ?? nothingOf(old.values));
    // It follows from what was before, no longer from what was taken back.
    place(list, { time: old.time, by: Math.min(old.by, old.time), values });
  }
  for (const { time, values } of list) {
    const old = oldOf.get(time);
    if (old === undefined || !isSame(old.values, values)) tell(name, time, values);
  }
  return list;
}

/** Puts what was told in its place by time; for the same time the later word counts. */
export function place(list: Told[], told: Told): void {
  let at = list.length;
  while (at > 0 && (list[at - 1] as Told).time > told.time) at--;
  if (at > 0 && (list[at - 1] as Told).time === told.time) list[at - 1] = told;
  else list.splice(at, 0, told);
}

export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** Nothing was true then after all. */
function nothingOf(values: Values): Values {
  return Object.fromEntries(Object.keys(values).map((name) => [name, null]));
}
