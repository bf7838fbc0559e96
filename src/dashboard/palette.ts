import type { Domain } from "../model/reading.ts";
import type { CongestionLevel } from "./words.ts";

export type Theme = "light" | "dark";

/** Colours of the map, which is drawn and so cannot take them from the style sheets. */
export interface Palette {
  readonly water: string;
  readonly land: string;
  readonly coast: string;
  readonly border: string;
  readonly grid: string;
  readonly gridText: string;
  /** Around markers and under labels, so that they stand off whatever is beneath. */
  readonly halo: string;
  readonly text: string;
  readonly silent: string;
  readonly domain: Readonly<Record<Domain, string>>;
  /** Congestion levels, as in the style sheets. */
  readonly level: Readonly<Record<CongestionLevel, string>>;
}

const levels = { free: "#3fae5a", heavy: "#e3b505", slow: "#f08c00", queuing: "#e03131" };

export const palettes: Readonly<Record<Theme, Palette>> = {
  light: {
    water: "#dfe7ee",
    land: "#f7f8f8",
    coast: "#bccad6",
    border: "#cfd6dc",
    grid: "rgba(30, 50, 70, 0.07)",
    gridText: "#5d6b78",
    halo: "#ffffff",
    text: "#1b2530",
    silent: "#8a96a1",
    domain: { gps: "#1f5fe0", energy: "#15803d", road: "#0e7490", transit: "#c2186b", fare: "#6d28d9" },
    level: { ...levels, stationary: "#7d1128", unknown: "#8a96a1" },
  },
  dark: {
    water: "#0b1016",
    land: "#161d26",
    coast: "#2b3947",
    border: "#2a3440",
    grid: "rgba(190, 210, 230, 0.055)",
    gridText: "#8d9aa8",
    halo: "#0b1016",
    text: "#e6ebf0",
    silent: "#66727e",
    domain: { gps: "#6ea8ff", energy: "#4ade80", road: "#38cfe8", transit: "#ff79b4", fare: "#b79bff" },
    level: { ...levels, stationary: "#d6456a", unknown: "#66727e" },
  },
};
