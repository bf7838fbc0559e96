import { clockWords } from "../words.ts";
import { shownAt } from "../zone.ts";
import { type Bar, energyWords, gapsOf, type Period } from "./energy.ts";

const width = 600;
const height = 150;
/** The export hangs below the zero line. */
const exportShare = 0.28;

interface UsageChartProps {
  readonly bars: readonly Bar[];
  readonly period: Period;
  readonly now: number;
  /** IANA zone whose clock is shown; null: the browser's own. */
  readonly timezone: string | null;
}

/** Bars of use with what is usual behind them. What is not known is hatched, never drawn as nothing used. */
export function UsageChart({ bars, period, now, timezone }: UsageChartProps) {
  const first = bars[0];
  const last = bars.at(-1);
  if (!first || !last) return <p class="nothing chart-space">The first bar comes when a period is over.</p>;
  const most = Math.max(1, ...bars.map(({ importWh, usualWh }) => Math.max(importWh ?? 0, usualWh ?? 0)));
  const leastWh = Math.max(0, ...bars.map(({ exportWh }) => exportWh ?? 0));
  const zeroY = leastWh > 0 ? height * (1 - exportShare) : height;
  const x = (time: number) => ((time - first.start) / (last.end - first.start)) * width;
  const scale = { x, up: zeroY / most, down: leastWh > 0 ? (height * exportShare) / leastWh : 0, zeroY };
  const timeWords = (time: number) => startWords(time, { period, now, timezone });
  const gapCount = gapsOf(bars).length + bars.filter(({ gapShare }) => gapShare > 0).length;
  return (
    <figure class="chart">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={chartWords(bars, gapCount)}
      >
        <defs>
          <pattern id="gap" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <path d="M0 0V6" />
          </pattern>
        </defs>
        {gapsOf(bars).map(({ start, end }) => (
          <rect key={start} class="chart-gap" x={x(start)} y={0} width={x(end) - x(start)} height={height} />
        ))}
        {bars.map((bar) => (
          <ChartBar key={bar.start} bar={bar} scale={scale} title={barWords(bar, timeWords(bar.start))} />
        ))}
        <path class="chart-zero" d={`M0 ${zeroY}H${width}`} />
      </svg>
      <figcaption>
        <span>{timeWords(first.start)}</span>
        <span>
          up to {energyWords(most)}
          {bars.some(({ usualWh }) => usualWh !== null) && " · line: usual"}
          {leastWh > 0 && " · below: fed in"}
          {gapCount > 0 && " · hatched: not known"}
        </span>
        <span>{timeWords(last.end)}</span>
      </figcaption>
    </figure>
  );
}

interface Scale {
  readonly x: (time: number) => number;
  /** Units of the drawing per Wh, above and below the zero line. */
  readonly up: number;
  readonly down: number;
  readonly zeroY: number;
}

function ChartBar({ bar, scale, title }: { bar: Bar; scale: Scale; title: string }) {
  const { importWh, exportWh, usualWh, gapShare } = bar;
  const left = scale.x(bar.start);
  const full = scale.x(bar.end) - left;
  const gapWidth = full * (importWh === null ? 1 : gapShare);
  const barWidth = Math.max(0.5, (full - gapWidth) * 0.84);
  const importHeight = (importWh ?? 0) * scale.up;
  const usualY = scale.zeroY - (usualWh ?? 0) * scale.up;
  return (
    <g data-start={bar.start} data-gap={gapShare > 0 || importWh === null}>
      <title>{title}</title>
      <rect class="chart-hit" x={left} y={0} width={full} height={height} />
      {gapWidth > 0 && (
        <rect class="chart-gap" x={left + full - gapWidth} y={0} width={gapWidth} height={height} />
      )}
      {importWh !== null && (
        <rect
          class="chart-import"
          x={left}
          y={scale.zeroY - importHeight}
          width={barWidth}
          height={importHeight}
        />
      )}
      {exportWh !== null && exportWh > 0 && (
        <rect class="chart-export" x={left} y={scale.zeroY} width={barWidth} height={exportWh * scale.down} />
      )}
      {usualWh !== null && <path class="chart-usual" d={`M${left} ${usualY}h${full}`} />}
    </g>
  );
}

function barWords({ importWh, exportWh, usualWh, gapShare }: Bar, timeWords: string): string {
  return [
    `${timeWords}: ${importWh === null ? "not known" : energyWords(importWh)}`,
    exportWh !== null && exportWh > 0 && `fed in ${energyWords(exportWh)}`,
    usualWh !== null && `usual ${energyWords(usualWh)}`,
    gapShare > 0 && `${Math.round(gapShare * 100)} % not known`,
  ]
    .filter(Boolean)
    .join(", ");
}

function startWords(time: number, { period, now, timezone }: Omit<UsageChartProps, "bars">): string {
  if (period !== "day") return clockWords(shownAt(time, timezone), shownAt(now, timezone));
  return new Date(shownAt(time, timezone)).toLocaleDateString(undefined, {
    weekday: "short",
    day: "numeric",
    month: "short",
  });
}

function chartWords(bars: readonly Bar[], gaps: number): string {
  const known = bars.flatMap(({ importWh }) => importWh ?? []);
  const most = energyWords(Math.max(...known, 0));
  return `Use of ${bars.length} periods, at most ${most}; ${gaps === 0 ? "no gaps" : `${gaps} with gaps`}`;
}
