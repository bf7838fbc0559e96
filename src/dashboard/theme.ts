import { type Signal, signal } from "@preact/signals";
import { palettes, type Theme } from "./palette.ts";

const storageKey = "fieldcast-theme";

/** The theme in use: what the user chose here before, else what the system says, also when that changes. */
export function watchTheme(): Signal<Theme> {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = readChoice();
  const theme = signal<Theme>(chosen ?? (system.matches ? "dark" : "light"));
  system.addEventListener("change", () => {
    if (readChoice() === null) theme.value = system.matches ? "dark" : "light";
  });
  theme.subscribe(applyTheme);
  return theme;
}

/** Switches to the other theme and remembers it. */
export function toggleTheme(theme: Signal<Theme>): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(storageKey, theme.value);
  } catch {
    // Storage can be forbidden; the choice then lasts as long as the page.
  }
}

function readChoice(): Theme | null {
  try {
    const text = localStorage.getItem(storageKey);
    return text === "dark" || text === "light" ? text : null;
  } catch {
    return null;
  }
}

function applyTheme(theme: Theme): void {
  const root = document.documentElement;
  root.dataset["theme"] = theme;
  for (const [domain, color] of Object.entries(palettes[theme].domain)) {
    root.style.setProperty(`--${domain}`, color);
  }
}
