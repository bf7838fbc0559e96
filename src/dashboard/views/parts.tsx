import type { ComponentChildren } from "preact";
import type { Page } from "../page.ts";
import { type CongestionLevel, congestionLevels, countWords } from "../words.ts";

/** Rows that a list shows; who wants others narrows it with the filter. */
export const maxListRows = 200;

interface SectionProps {
  readonly title: string;
  /** Beside the title: how many there are, or what they come to. */
  readonly summary?: ComponentChildren;
  /** What is said while there is nothing; null if there is something. */
  readonly empty?: string | null;
  readonly children?: ComponentChildren;
}

/** A part of a view, with its heading. */
export function Section({ title, summary, empty = null, children }: SectionProps) {
  return (
    <section class="panel part-of-view" aria-label={title}>
      <header class="panel-head">
        <h2>{title}</h2>
        <span class="summary">{summary}</span>
      </header>
      {empty === null ? children : <p class="nothing">{empty}</p>}
    </section>
  );
}

/** Says that a list was cut. */
export function More({ total, shown = maxListRows }: { total: number; shown?: number }) {
  if (total <= shown) return null;
  return <p class="nothing">{countWords(total - shown)} more. Type in the filter to find others.</p>;
}

/** A congestion level by its word, and by how many of five blocks are filled, so that it needs no colours. */
export function Level({ level }: { level: CongestionLevel }) {
  const filled = level === "unknown" ? 0 : congestionLevels.length - congestionLevels.indexOf(level);
  return (
    <span class="level" data-level={level}>
      <span class="blocks" aria-hidden="true">
        {congestionLevels.map((name, at) => (
          <i key={name} class={at < filled ? "filled" : ""} />
        ))}
      </span>
      {level}
    </span>
  );
}

interface ChoicesProps<Item extends string> {
  readonly label: string;
  readonly items: Readonly<Record<Item, string>>;
  readonly chosen: Item;
  readonly onChoose: (item: Item) => void;
}

/** A few buttons of which one is chosen. */
export function Choices<Item extends string>({ label, items, chosen, onChoose }: ChoicesProps<Item>) {
  return (
    <fieldset class="choices" aria-label={label}>
      {(Object.entries(items) as [Item, string][]).map(([item, words]) => (
        <button key={item} type="button" aria-pressed={item === chosen} onClick={() => onChoose(item)}>
          {words}
        </button>
      ))}
    </fieldset>
  );
}

/** Why nothing can be done while the past is shown: what was so then may be otherwise now. */
export function PastNote({ page, words }: { page: Page; words: string }) {
  return page.timeLine.mode.value === "live" ? null : <p class="view-note past-note">{words}</p>;
}
