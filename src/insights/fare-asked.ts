import type { Values } from "../model/reading.ts";
import { type WatchSettings, watchesProblem, watchSettings } from "./fare-watch.ts";

/** Most watches that people ask for, beside those of the settings. */
export const maxAskedWatches = 1_000;

/** First levels of the topics in which watches are asked for: `watches/asked/<name>`. */
export const askedLevel = "asked/";
export const askedFilter = "watches/asked/#";

/** A wish: the watch, or null that there shall be none of this name any more. */
export interface Asked {
  readonly name: string;
  readonly watch: WatchSettings | null;
}

/**
 * Reads a wish: `isActive`, and the keys of a watch as in the settings, null where one is not given. Null for what is no good, and
 * for names that the settings have.
 */
export function askedOf(
  device: string,
  values: Values,
  configured: readonly WatchSettings[],
  noisePct: number,
): Asked | null {
  const name = device.slice(askedLevel.length);
  if (configured.some((watch) => watch.name === name)) return null;
  const { isActive, ...words } = values;
  if (isActive !== true) return { name, watch: null };
  const given = Object.entries(words).filter(([, value]) => value !== null);
  const read = watchSettings.safeParse({ ...Object.fromEntries(given), name });
  if (!read.success || watchesProblem([read.data], noisePct) !== null) return null;
  return { name, watch: read.data };
}
