import { BatteryIcon } from "./icons.tsx";
import { type Page, select } from "./page.ts";
import { isLate } from "./rhythm.ts";
import { RowValue, rowSubtitle } from "./rowvalue.tsx";
import { sparkline } from "./series.ts";
import { maxHistory, type Thing } from "./thing.ts";
import { ageWords } from "./words.ts";

/** Below this a tracker wants charging. */
const lowBatteryPct = 20;
/** A young course is not stretched over more than so many steps. */
const fewSlots = 12;
const sparkWidth = 56;
const sparkHeight = 16;

interface RowProps {
  readonly page: Page;
  readonly thing: Thing;
  /** Epoch milliseconds that the age refers to. */
  readonly now: number;
  /** Power that fills a bar, W. */
  readonly scaleW: number;
  readonly isSelected: boolean;
}

/** One device in a list; opens its card. */
export function Row({ page, thing, now, scaleW, isSelected }: RowProps) {
  const ageMs = now - thing.time;
  const batteryPct = thing.number("batteryPct");
  const subtitle = rowSubtitle(thing);
  return (
    <li data-topic={thing.topic}>
      <button
        class={isSelected ? "row selected" : "row"}
        type="button"
        aria-pressed={isSelected}
        onClick={() => select(page, thing.key)}
      >
        <span class="name" title={thing.topic}>
          <span class="name-text">{thing.name}</span>
          {batteryPct !== null && batteryPct < lowBatteryPct && <BatteryIcon percent={batteryPct} />}
          {subtitle !== "" && <span class="subtitle">{subtitle}</span>}
        </span>
        <RowValue thing={thing} now={now} scaleW={scaleW} />
        <Spark thing={thing} />
        <span class={isLate(ageMs, thing.rhythmMs) ? "age late" : "age"}>{ageWords(ageMs)}</span>
      </button>
    </li>
  );
}

function Spark({ thing }: { thing: Thing }) {
  const slots = Math.min(maxHistory, Math.max(fewSlots, thing.history.length));
  const path = sparkline(thing.history, slots, sparkWidth, sparkHeight);
  return (
    <svg class="spark" viewBox={`-1 -2 ${sparkWidth + 2} ${sparkHeight + 4}`} aria-hidden="true">
      {path !== "" && <path d={path} />}
    </svg>
  );
}
