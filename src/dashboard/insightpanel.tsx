import { type InsightRow, insightWords } from "./insightrows.ts";
import type { Page } from "./page.ts";
import { ageWords, countWords } from "./words.ts";

/** Rows of each first level. */
const rowsPerLevel = 3;

/** What insights made of the readings: of each kind what was told last. Not there until something is. */
export function InsightPanel({ page }: { page: Page }) {
  const now = page.now.value;
  const levels = page.insights.levels();
  if (levels.length === 0) return null;
  return (
    <section class="panel" data-insights={page.insights.version} aria-label="Insights">
      <header class="panel-head">
        <h2>Insights</h2>
        <span class="summary">
          {levels.map(({ level, count }) => `${level} ${countWords(count)}`).join(" · ")}
        </span>
      </header>
      <ul class="rows">
        {levels.flatMap(({ level }) =>
          page.insights
            .newest(level, page.filter.value, rowsPerLevel)
            .map((row) => <Row key={row.topic} row={row} now={now} />),
        )}
      </ul>
    </section>
  );
}

function Row({ row, now }: { row: InsightRow; now: number }) {
  const words = insightWords(row.values);
  return (
    <li class="row insight" data-topic={row.topic}>
      <span class="name" title={row.topic}>
        <span class="name-text">{row.topic}</span>
      </span>
      <span class="words" title={words}>
        {words}
      </span>
      <span class="age">{ageWords(now - row.time)}</span>
    </li>
  );
}
