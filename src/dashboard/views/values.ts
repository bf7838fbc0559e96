import type { Values } from "../../model/reading.ts";

/** The value of that name if it is a number, else null. */
export function numberIn(values: Values, name: string): number | null {
  const value = values[name];
  return typeof value === "number" ? value : null;
}

/** The value of that name if it is a text, else null. */
export function textIn(values: Values, name: string): string | null {
  const value = values[name];
  return typeof value === "string" && value !== "" ? value : null;
}

/** The instant that a value tells in ISO 8601, epoch milliseconds; null if it tells none. */
export function instantIn(values: Values, name: string): number | null {
  const text = textIn(values, name);
  const time = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(time) ? null : time;
}

/** Whether one of the texts has what was typed. */
export function isMeant(filter: string, ...texts: readonly (string | null)[]): boolean {
  const wanted = filter.trim().toLowerCase();
  return wanted === "" || texts.some((text) => text?.toLowerCase().includes(wanted));
}

/** Names as people order them: `stop 9` before `stop 10`. */
export const byName = new Intl.Collator("en", { numeric: true, sensitivity: "base" }).compare;
