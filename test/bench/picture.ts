import { type Runs, summarize } from "./results.ts";
import { formatNumber } from "./table.ts";

/** One scenario in the picture. */
export interface Panel {
  readonly title: string;
  readonly subtitle: string;
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly name: string;
  /** Microseconds of CPU per delivery. */
  readonly value: number;
  /** Percent of the wanted rate that was held. */
  readonly held: number;
}

/** The scenarios of the picture, and what they are called there. */
const titles = [
  ["all-to-50", "2,000 devices → 50 dashboards", "each device 1/s, each dashboard on everything"],
  ["fast-one-to-1000", "1 device → 1,000 dashboards", "200/s"],
  ["each-its-own", "2,000 devices → 2,000 dashboards", "each device 1/s, each dashboard on one device"],
] as const;

const labels: Readonly<Record<string, string>> = {
  fieldcast: "Fieldcast",
  "aedes-uws": "Aedes + uWS",
  uws: "bare uWS",
  "uws-batched": "bare uWS, 50 ms",
  "aedes-ws": "Aedes + ws, JSON",
  nats: "NATS",
  "redis-ws": "Redis + ws",
};

/** The panels that there are runs for, each with the cheapest on top. */
export function panelsOf(results: ReadonlyMap<string, Runs>): Panel[] {
  return titles.flatMap(([name, title, subtitle]) => {
    const runs = results.get(name);
    if (runs === undefined) return [];
    const bars = [...runs].map(([row, figures]) => {
      const { cpuPerDelivery = Number.NaN, held = Number.NaN } = summarize(figures);
      return { name: labels[row.contestant] ?? row.contestant, value: cpuPerDelivery, held };
    });
    const measured = bars.filter(({ value }) => Number.isFinite(value));
    return measured.length === 0
      ? []
      : [{ title, subtitle, bars: measured.sort((a, b) => a.value - b.value) }];
  });
}

/** Pixels. */
const [panelWidth, nameWidth, valueWidth, gap] = [310, 124, 74, 20] as const;
const [rowHeight, barHeight, headHeight, footHeight] = [22, 14, 80, 24] as const;
const barWidth = panelWidth - nameWidth - valueWidth;

/** Below this a figure is that of another rate, and the picture says which. */
const heldPercent = 90;

const style = `text{font:12px system-ui,sans-serif;fill:#1f2933}.title{font-size:13px;font-weight:600}.faint{fill:#5f6c7b}
.own{font-weight:600}rect{fill:#b3bdc8}rect.own{fill:#0b7a75}
@media(prefers-color-scheme:dark){text{fill:#e4e7eb}.faint{fill:#9aa5b1}rect{fill:#52606d}rect.own{fill:#2dd4bf}}`;

/** Horizontal bars as SVG, readable on light and dark pages. `note` stands below. */
export function drawPicture(panels: readonly Panel[], note: string): string {
  const mostBars = Math.max(0, ...panels.map(({ bars }) => bars.length));
  const width = panels.length * (panelWidth + gap) - gap;
  const height = headHeight + mostBars * rowHeight + footHeight;
  const isHeld = panels.every(({ bars }) => bars.every(({ held }) => held >= heldPercent));
  const drawn = panels.map((panel, index) => drawPanel(panel, index * (panelWidth + gap)));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>CPU time per delivered reading</title>
<style>${style}</style>
<text class="faint" x="0" y="14">Microseconds of server CPU per delivered reading, everything included; less is better</text>
${drawn.join("\n")}
<text class="faint" x="0" y="${height - 6}">${escapeXml(isHeld ? note : `${note} In brackets: how much of the rate was held.`)}</text>
</svg>
`;
}

function drawPanel({ title, subtitle, bars }: Panel, left: number): string {
  const most = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map((bar, index) => {
    const top = headHeight + index * rowHeight;
    const own = bar.name === labels["fieldcast"] ? "own" : "";
    const length = Math.max(1, (bar.value / most) * barWidth).toFixed(1);
    const baseline = top + 11;
    const value = formatNumber(bar.value) + (bar.held < heldPercent ? ` (${formatNumber(bar.held)} %)` : "");
    return (
      `<text class="${own}" x="${left}" y="${baseline}">${escapeXml(bar.name)}</text>` +
      `<rect class="${own}" x="${left + nameWidth}" y="${top}" width="${length}" height="${barHeight}" rx="2"/>` +
      `<text class="${own}" x="${left + nameWidth + Number(length) + 5}" y="${baseline}">${escapeXml(value)}</text>`
    );
  });
  return [
    `<text class="title" x="${left}" y="${headHeight - 36}">${escapeXml(title)}</text>`,
    `<text class="faint" x="${left}" y="${headHeight - 18}">${escapeXml(subtitle)}</text>`,
    ...rows,
  ].join("\n");
}

function escapeXml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
