import { useRef } from "preact/hooks";
import type { Page } from "../page.ts";
import { hashOf } from "../place.ts";
import { clockWords, delayTone, delayWords } from "../words.ts";
import { More, maxListRows, Section } from "./parts.tsx";
import {
  boardOf,
  busiestStop,
  type Call,
  type Line,
  linesOf,
  type Notice,
  noticesOf,
  type Stop,
  stopsOf,
} from "./transit.ts";
import { isMeant } from "./values.ts";

/** Calls of a board. */
const maxCalls = 16;
/** Notices that are over and still shown. */
const maxOver = 5;

/** A stop's arrival board, the lines, and what passengers should know. */
export function TransitView({ page }: { page: Page }) {
  const now = page.now.value;
  const { insights } = page;
  const arrivals = insights.of("arrivals");
  const stops = stopsOf(arrivals.values());
  // Who has chosen none keeps the one that was shown first: a board that changes its stop cannot be read.
  const first = useRef<string | null>(null);
  first.current ??= busiestStop(stops);
  const stop = page.place.value.detail ?? first.current;
  const notices = noticesOf(insights.of("alerts").values());
  const lines = linesOf(insights.of("trips").values(), notices).filter(({ name, headsigns }) =>
    isMeant(page.filter.value, name, ...headsigns),
  );
  const calls = stop === null ? [] : boardOf(arrivals.values(), stop, now);
  return (
    <>
      <Board stops={stops} stop={stop} calls={calls} now={now} />
      <Lines lines={lines} />
      <Notices notices={notices} now={now} />
    </>
  );
}

interface BoardProps {
  readonly stops: readonly Stop[];
  readonly stop: string | null;
  readonly calls: readonly Call[];
  readonly now: number;
}

function Board({ stops, stop, calls, now }: BoardProps) {
  if (stop === null) return <Section title="Arrivals" empty="No arrivals are predicted yet." />;
  return (
    <Section title="Arrivals" summary={<StopChoice stops={stops} stop={stop} />}>
      <table class="grid board">
        <thead>
          <tr>
            <th scope="col">Line</th>
            <th scope="col">To</th>
            <th scope="col" class="number">
              Scheduled
            </th>
            <th scope="col" class="number">
              Predicted
            </th>
            <th scope="col">Delay</th>
          </tr>
        </thead>
        <tbody>
          {calls.slice(0, maxCalls).map((call) => (
            <CallRow key={call.topic} call={call} now={now} />
          ))}
        </tbody>
      </table>
      {calls.length === 0 && <p class="nothing">No vehicle is on its way to this stop.</p>}
    </Section>
  );
}

function StopChoice({ stops, stop }: { stops: readonly Stop[]; stop: string }) {
  return (
    <select
      aria-label="Stop"
      value={stop}
      onChange={(event) => {
        location.hash = hashOf("transit", event.currentTarget.value);
      }}
    >
      {!stops.some(({ id }) => id === stop) && <option value={stop}>Stop {stop}</option>}
      {stops.map(({ id, name, expected }) => (
        <option key={id} value={id}>
          {expected > 0 ? `${name} (${expected})` : name}
        </option>
      ))}
    </select>
  );
}

function CallRow({ call, now }: { call: Call; now: number }) {
  const { state, scheduled, predicted } = call;
  return (
    <tr data-call={call.topic} data-state={state}>
      <th scope="row">
        <span class="line-sign">{call.line}</span>
      </th>
      <td>{call.headsign}</td>
      <td class="number">{scheduled === null ? "–" : clockWords(scheduled, now)}</td>
      <td class="number">
        <strong>{predicted === null ? "–" : clockWords(predicted, now)}</strong>{" "}
        <span class="item-sub">{nearWords(call, now)}</span>
      </td>
      <td>
        <DelayWord call={call} />
      </td>
    </tr>
  );
}

/** How soon, or that it is there. */
function nearWords({ state, predicted }: Call, now: number): string {
  if (state === "arrived") return "at the stop";
  if (state === "departed") return "left";
  if (state !== "expected" || predicted === null) return "";
  const minutes = Math.floor((predicted - now) / 60_000);
  return minutes < 1 ? "due" : `in ${minutes} min`;
}

function DelayWord({ call: { state, delayS } }: { call: Call }) {
  if (state === "skipped") return <span class="mark-word bad">skipped</span>;
  if (delayS === null) return <span class="item-sub">not known</span>;
  const tone = delayTone(delayS);
  return (
    <span class="delay" data-tone={tone}>
      {delayWords(delayS)}
      {tone === "early" && " early"}
    </span>
  );
}

function Lines({ lines }: { lines: readonly Line[] }) {
  return (
    <Section
      title="Lines"
      summary={lines.length}
      empty={lines.length === 0 ? "No vehicle is on a trip." : null}
    >
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Line</th>
            <th scope="col">To</th>
            <th scope="col" class="number">
              Vehicles
            </th>
            <th scope="col">Delay</th>
            <th scope="col">Notices</th>
          </tr>
        </thead>
        <tbody>
          {lines.slice(0, maxListRows).map((line) => (
            <tr key={line.routeId} data-line={line.routeId}>
              <th scope="row">
                <span class="line-sign">{line.name}</span>
              </th>
              <td>{line.headsigns.join(", ")}</td>
              <td class="number">{line.vehicles}</td>
              <td>
                {line.delayS === null ? (
                  <span class="item-sub">not known</span>
                ) : (
                  <span class="delay" data-tone={delayTone(line.delayS)}>
                    {delayWords(line.delayS)}
                  </span>
                )}
              </td>
              <td>{noticeKinds(line.notices)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <More total={lines.length} />
    </Section>
  );
}

function noticeKinds(notices: readonly Notice[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of notices) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return Array.from(counts, ([kind, count]) => (count > 1 ? `${count} × ${kind}` : kind)).join(", ") || "–";
}

function Notices({ notices, now }: { notices: readonly Notice[]; now: number }) {
  const count = notices.filter(({ isOver }) => !isOver).length;
  const shown = notices.slice(0, Math.min(maxListRows, count + maxOver));
  return (
    <Section
      title="Notices"
      summary={count}
      empty={shown.length === 0 ? "No delays, bunching, detours, early departures or skipped stops." : null}
    >
      <ul class="items">
        {shown.map((notice) => (
          <li key={notice.topic} class="item" data-state={notice.isOver ? "over" : "firing"}>
            <span class={notice.isOver ? "mark-word" : "mark-word warn"}>
              {notice.isOver ? "over" : notice.kind}
            </span>
            <div class="item-main">
              <span>{notice.text}</span>
            </div>
            <span class="item-time">{notice.since === null ? "" : clockWords(notice.since, now)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
