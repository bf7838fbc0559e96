import type { Page } from "../page.ts";
import { clockWords, distanceWords, spanWords } from "../words.ts";
import { Level, More, maxListRows, Section } from "./parts.tsx";
import {
  type Choice,
  choicesOf,
  type Jam,
  jamsOf,
  levelCounts,
  type Route,
  routesOf,
  type Segment,
  segmentsOf,
} from "./roads.ts";
import { isMeant } from "./values.ts";

/** Jams that are over and still shown. */
const maxOver = 5;

/** How the roads are: which way to take, where it jams, and every segment. */
export function RoadsView({ page }: { page: Page }) {
  const now = page.now.value;
  const filter = page.filter.value;
  const { insights } = page;
  const segments = segmentsOf(insights.of("congestion").values());
  const routes = routesOf(insights.of("routes").values());
  const choices = choicesOf(insights.of("routes").values());
  const jams = jamsOf(insights.of("alerts").values());
  return (
    <>
      <Routes routes={routes.filter(({ name }) => isMeant(filter, name))} choices={choices} />
      <Jams jams={jams.filter(({ segment }) => isMeant(filter, segment))} now={now} />
      <Segments segments={segments.filter(({ name, level }) => isMeant(filter, name, level))} />
    </>
  );
}

function Routes({ routes, choices }: { routes: readonly Route[]; choices: readonly Choice[] }) {
  return (
    <Section title="Routes" summary={routes.length} empty={routes.length === 0 ? "No routes yet." : null}>
      <ul class="items">
        {choices.map((choice) => (
          <li key={choice.name} class="item choice" data-choice={choice.name}>
            <div class="item-main">
              <strong>{choice.name}</strong>
              <span class="item-sub">{choiceWords(choice)}</span>
            </div>
            <span class="figure">{choice.travelTimeS === null ? "–" : spanWords(choice.travelTimeS)}</span>
          </li>
        ))}
      </ul>
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Route</th>
            <th scope="col" class="number">
              Time now
            </th>
            <th scope="col" class="number">
              Delay
            </th>
            <th scope="col">Worst part</th>
          </tr>
        </thead>
        <tbody>
          {routes.map((route) => (
            <tr key={route.name} class={route.isBest ? "best" : ""}>
              <th scope="row">
                {route.name} {route.isBest && <span class="mark-word good">best now</span>}
                <span class="item-sub">{distanceWords(route.lengthM)}</span>
              </th>
              <td class="number">{route.travelTimeS === null ? "–" : spanWords(route.travelTimeS)}</td>
              <td class="number">{delayOf(route)}</td>
              <td>
                <Level level={route.worstLevel} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function choiceWords({ best, savesS }: Choice): string {
  if (best === null) return "not enough is known of the routes";
  return savesS > 0 ? `take ${best}: saves ${spanWords(savesS)}` : `take ${best}, the usual way`;
}

function Jams({ jams, now }: { jams: readonly Jam[]; now: number }) {
  const count = jams.filter(({ state }) => state === "jam").length;
  const over = jams.slice(count, count + maxOver);
  return (
    <Section title="Jams" summary={count} empty={jams.length === 0 ? "No traffic jams." : null}>
      <ul class="items">
        {[...jams.slice(0, count), ...over].map((jam) => (
          <li key={jam.segment} class="item" data-state={jam.state}>
            <span class={jam.state === "jam" ? "mark-word bad" : "mark-word"}>
              {jam.state === "lost" ? "not known now" : jam.state}
            </span>
            <div class="item-main">
              <strong>{jam.segment}</strong>
              <span class="item-sub">{jamWords(jam)}</span>
            </div>
            <span class="item-time">{jamTimes(jam, now)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function jamWords({ state, queueM, acknowledgedBy }: Jam): string {
  const queue = state === "jam" && queueM !== null && `queue ${distanceWords(queueM)}`;
  return [queue, acknowledgedBy && `known to ${acknowledgedBy}`].filter(Boolean).join(" · ");
}

function jamTimes({ start, end }: Jam, now: number): string {
  if (start === null) return "";
  if (end === null) return `since ${clockWords(start, now)}, ${spanWords((now - start) / 1000)}`;
  return `${clockWords(start, now)} to ${clockWords(end, now)}`;
}

function Segments({ segments }: { segments: readonly Segment[] }) {
  const counts = levelCounts(segments);
  return (
    <Section
      title="Segments"
      summary={counts.map(({ level, count }) => `${count} ${level}`).join(" · ")}
      empty={segments.length === 0 ? "No segments yet." : null}
    >
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Segment</th>
            <th scope="col">Level</th>
            <th scope="col" class="number">
              Speed
            </th>
            <th scope="col" class="number">
              Delay
            </th>
            <th scope="col" class="wide-column">
              Known from
            </th>
          </tr>
        </thead>
        <tbody>
          {segments.slice(0, maxListRows).map((segment) => (
            <tr key={segment.name} data-segment={segment.name}>
              <th scope="row">{segment.name}</th>
              <td>
                <Level level={segment.level} />
              </td>
              <td class="number">
                {segment.speedKmh === null ? "–" : Math.round(segment.speedKmh)}{" "}
                <span class="unit">km/h</span>
              </td>
              <td class="number">{delayOf(segment)}</td>
              <td class="wide-column item-sub">{sourceWords(segment)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <More total={segments.length} />
    </Section>
  );
}

function delayOf({ delayS }: Segment | Route): string {
  if (delayS === null) return "–";
  return delayS < 1 ? "none" : `+${spanWords(delayS)}`;
}

function sourceWords({ sensors, vehicles }: Segment): string {
  const words = [
    sensors > 0 && `${sensors} sensor${sensors === 1 ? "" : "s"}`,
    vehicles > 0 && `${vehicles} vehicle${vehicles === 1 ? "" : "s"}`,
  ];
  return words.filter(Boolean).join(", ") || "nothing new";
}
