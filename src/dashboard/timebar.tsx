import { useState } from "preact/hooks";
import { PauseIcon, PlayIcon } from "./icons.tsx";
import type { Page } from "./page.ts";
import { speeds } from "./timeline.ts";
import { Choices } from "./views/parts.tsx";
import { clockWords } from "./words.ts";

const minuteMs = 60_000;
/** How far back the slider reaches. */
const reaches = [
  { words: "15 min", ms: 15 * minuteMs },
  { words: "1 h", ms: 60 * minuteMs },
  { words: "6 h", ms: 360 * minuteMs },
  { words: "24 h", ms: 1_440 * minuteMs },
  { words: "7 d", ms: 7 * 1_440 * minuteMs },
] as const;
const defaultReachMs = 60 * minuteMs;
/** Steps of the slider, for keys. */
const steps = 720;

/** Moves the whole page through time: as it was, played from there, and back to the present. */
export function TimeBar({ page }: { page: Page }) {
  const [reachMs, setReachMs] = useState(defaultReachMs);
  // What is shown follows the page's rhythm, and what was asked for counts at once.
  const { timeLine } = page;
  void [page.now.value, timeLine.anchor.value];
  const mode = timeLine.mode.value;
  const end = page.wall.now();
  const shown = timeLine.now();
  const words = mode === "live" ? "Live" : `As of ${clockWords(shown, end, true)}`;
  return (
    <fieldset class="timebar" data-mode={mode} aria-label="Time">
      <output class="timebar-now" data-time={mode === "live" ? "" : Math.round(shown)}>
        {words}
      </output>
      <PlayButton page={page} />
      <input
        type="range"
        aria-label="Time shown"
        aria-valuetext={words}
        min={0}
        max={steps}
        step={1}
        value={Math.round(steps * (1 - Math.min(1, (end - shown) / reachMs)))}
        onInput={(event) => {
          timeLine.goTo(end - (1 - Number(event.currentTarget.value) / steps) * reachMs);
        }}
      />
      <select
        aria-label="How far back the slider reaches"
        value={reachMs}
        onChange={(event) => setReachMs(Number(event.currentTarget.value))}
      >
        {reaches.map(({ words: label, ms }) => (
          <option key={ms} value={ms}>
            {label}
          </option>
        ))}
      </select>
      <Speeds page={page} />
      <button class="text-button" type="button" disabled={mode === "live"} onClick={() => timeLine.goLive()}>
        <span class="wide-only">Back to </span>live
      </button>
    </fieldset>
  );
}

function PlayButton({ page: { timeLine } }: { page: Page }) {
  const isPaused = timeLine.mode.value === "paused";
  const label = isPaused ? "Play from here" : "Pause";
  return (
    <button
      class="icon-button small"
      type="button"
      aria-label={label}
      title={label}
      onClick={() => (isPaused ? timeLine.play() : timeLine.pause())}
    >
      {isPaused ? <PlayIcon /> : <PauseIcon />}
    </button>
  );
}

function Speeds({ page: { timeLine } }: { page: Page }) {
  return (
    <Choices
      label="Speed"
      items={speedWords}
      chosen={String(timeLine.speed.value)}
      onChoose={(speed) => timeLine.setSpeed(Number(speed))}
    />
  );
}

const speedWords = Object.fromEntries(speeds.map((speed) => [speed, `×${speed}`]));
