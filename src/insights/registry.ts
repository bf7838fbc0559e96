import type { Insight } from "./insight.ts";
import { presence } from "./presence.ts";

/** Every insight there is. To add one: its file, its fixture, its line here. */
export const allInsights: readonly Insight[] = [presence];
