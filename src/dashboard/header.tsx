import { connectionWords } from "./connection.ts";
import { MoonIcon, SunIcon } from "./icons.tsx";
import type { Page } from "./page.ts";
import { toggleTheme } from "./theme.ts";
import { countWords, rateWords } from "./words.ts";

/** Name, connection, totals, theme. */
export function Header({ page }: { page: Page }) {
  return (
    <header class="header">
      <h1 class="brand">
        <Mark />
        <span class="brand-name">Fieldcast</span>
      </h1>
      <ConnectionState page={page} />
      <Totals page={page} />
      <ThemeToggle page={page} />
    </header>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <circle cx="9.5" cy="22.5" r="3" />
      <path d="M9.5 14.5a8 8 0 0 1 8 8M9.5 7.5a15 15 0 0 1 15 15" />
    </svg>
  );
}

function ConnectionState({ page }: { page: Page }) {
  const connection = page.connection.value;
  // What is shown is then not what is now.
  const isPast = page.timeLine.mode.value !== "live";
  return (
    <p class="connection" data-connection={connection.kind} role="status">
      <span class="dot" aria-hidden="true" />
      <span>{isPast && connection.kind === "live" ? "Connected" : connectionWords(connection)}</span>
    </p>
  );
}

function Totals({ page }: { page: Page }) {
  void page.now.value;
  const devices = page.things.totalDevices;
  // Without a connection nobody knows how many readings come.
  const rate = page.connection.value.kind === "live" ? rateWords(page.perSecond.value) : "–";
  return (
    <dl class="totals">
      <div>
        <dd>{rate}</dd>
        <dt>
          <span class="wide-only">readings</span>/s
        </dt>
      </div>
      <div>
        <dd>{countWords(devices)}</dd>
        <dt>{devices === 1 ? "device" : "devices"}</dt>
      </div>
    </dl>
  );
}

function ThemeToggle({ page }: { page: Page }) {
  const isDark = page.theme.value === "dark";
  const label = isDark ? "Switch to the light theme" : "Switch to the dark theme";
  return (
    <button
      class="icon-button"
      type="button"
      aria-label={label}
      title={label}
      onClick={() => toggleTheme(page.theme)}
    >
      {isDark ? <SunIcon /> : <MoonIcon />}
    </button>
  );
}
