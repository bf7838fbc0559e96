import { useState } from "preact/hooks";
import type { Page } from "../page.ts";
import { hashOf } from "../place.ts";
import { useRecent } from "../recent.ts";
import { clockWords, powerQuantity } from "../words.ts";
import { shownAt, zoneWords } from "../zone.ts";
import {
  type Account,
  accountsOf,
  barsOf,
  chartPeriods,
  energyWords,
  type Figures,
  figuresOf,
  type Peak,
  type Period,
} from "./energy.ts";
import { Choices, Section } from "./parts.tsx";
import { UsageChart } from "./usagechart.tsx";

const periodWords: Readonly<Record<Period, string>> = {
  quarterHour: "Quarter-hours",
  hour: "Hours",
  day: "Days",
};
/** A period can be told several times; twice as many readings reach far enough back. */
const spareReadings = 2;

/** What was used when, what it costs, and how far that is from what is usual. */
export function EnergyView({ page }: { page: Page }) {
  void page.now.value;
  const usage = page.insights.of("usage");
  const accounts = accountsOf(usage.values());
  const account = page.place.value.detail ?? accounts[0]?.id ?? null;
  if (account === null) return <Section title="Use" empty="No meter has been counted yet." />;
  const figures = figuresOf(usage, account, navigator.language);
  return (
    <>
      <Section title="Use" summary={<AccountChoice accounts={accounts} account={account} />}>
        <FigureList figures={figures} />
        {figures.timezone !== null && (
          <p class="nothing">Hours and days are those of {zoneWords(figures.timezone, page.now.value)}.</p>
        )}
        <UsageHistory page={page} account={account} timezone={figures.timezone} />
      </Section>
      <Habits figures={figures} now={page.now.value} />
    </>
  );
}

function AccountChoice({ accounts, account }: { accounts: readonly Account[]; account: string }) {
  return (
    <select
      aria-label="Whose use"
      value={account}
      onChange={(event) => {
        location.hash = hashOf("energy", event.currentTarget.value);
      }}
    >
      {!accounts.some(({ id }) => id === account) && <option value={account}>{account}</option>}
      {accounts.map(({ id, name, isSite }) => (
        <option key={id} value={id}>
          {isSite ? `Site ${name}` : name}
        </option>
      ))}
    </select>
  );
}

function FigureList({ figures }: { figures: Figures }) {
  const shown = [
    ["This quarter-hour", energyWords(figures.quarterHourWh)],
    ["This hour", energyWords(figures.hourWh)],
    ["Today", energyWords(figures.todayWh)],
    ["This month", energyWords(figures.monthWh)],
    ["Cost today", figures.todayCost ?? "–"],
    ["Cost this month", figures.monthCost ?? "–"],
    ["Fed in today", energyWords(figures.todayExportWh)],
    ["Self-use today", energyWords(figures.todaySelfUseWh)],
  ] as const;
  return (
    <dl class="figures">
      {shown.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface UsageHistoryProps {
  readonly page: Page;
  readonly account: string;
  readonly timezone: string | null;
}

function UsageHistory({ page, account, timezone }: UsageHistoryProps) {
  const [period, setPeriod] = useState<Period>("hour");
  const max = chartPeriods[period];
  const told = useRecent(page, `usage/${account}/${period}`, max * spareReadings);
  const normal = useRecent(page, `usage/${account}/normal`, chartPeriods.hour * spareReadings);
  const usual = new Map(period === "hour" ? Array.from(normal, ([time, { values }]) => [time, values]) : []);
  const now = page.now.value;
  return (
    <div class="usage-history">
      <Choices label="Length of a bar" items={periodWords} chosen={period} onChoose={setPeriod} />
      <UsageChart
        bars={barsOf(told.values(), usual, now, max)}
        period={period}
        now={now}
        timezone={timezone}
      />
    </div>
  );
}

function Habits({ figures, now }: { figures: Figures; now: number }) {
  const { todayDeviationPct, usualTodayWh, standbyW, standbyPct, dayPeak, monthPeak, timezone } = figures;
  return (
    <Section title="Habits">
      <ul class="items">
        <li class="item">
          <div class="item-main">
            <strong>Against the usual</strong>
            <span class="item-sub">
              {usualTodayWh === null
                ? "known after some weeks of the same weekday"
                : `usual by this hour of the weekday: ${energyWords(usualTodayWh)}`}
            </span>
          </div>
          <span class="figure">{deviationWords(todayDeviationPct)}</span>
        </li>
        <li class="item">
          <div class="item-main">
            <strong>Standby</strong>
            <span class="item-sub">
              {standbyPct === null
                ? "known after a whole day"
                : `drawn even when nothing goes on: ${Math.round(standbyPct)} % of all use`}
            </span>
          </div>
          <span class="figure">{standbyW === null ? "–" : powerWords(standbyW)}</span>
        </li>
        <PeakItem title="Peak of the last day" peak={dayPeak} now={now} timezone={timezone} />
        <PeakItem title="Peak of the last month" peak={monthPeak} now={now} timezone={timezone} />
      </ul>
    </Section>
  );
}

interface PeakItemProps {
  readonly title: string;
  readonly peak: Peak | null;
  readonly now: number;
  readonly timezone: string | null;
}

function PeakItem({ title, peak, now, timezone }: PeakItemProps) {
  if (peak === null) return null;
  const time = clockWords(shownAt(peak.at, timezone), shownAt(now, timezone));
  return (
    <li class="item">
      <div class="item-main">
        <strong>{title}</strong>
        <span class="item-sub">mean of the highest quarter-hour: {time}</span>
      </div>
      <span class="figure">{powerWords(peak.powerW)}</span>
    </li>
  );
}

function deviationWords(pct: number | null): string {
  if (pct === null) return "–";
  const rounded = Math.round(pct);
  if (rounded === 0) return "as usual";
  return `${Math.abs(rounded)} % ${rounded > 0 ? "more" : "less"}`;
}

function powerWords(powerW: number): string {
  const { number, unit } = powerQuantity(powerW);
  return `${number} ${unit}`;
}
