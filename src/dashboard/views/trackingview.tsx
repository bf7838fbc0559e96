import { type Page, select } from "../page.ts";
import { hashOf } from "../place.ts";
import { useRecent } from "../recent.ts";
import { ageWords, clockWords, distanceWords, spanWords } from "../words.ts";
import { More, maxListRows, Section } from "./parts.tsx";
import { ShareList } from "./sharelist.tsx";
import {
  fencesOf,
  type Leg,
  legsOf,
  type Speeding,
  speedingOf,
  type Tracked,
  trackedOf,
  type Visit,
  visitsOf,
} from "./tracking.ts";
import { isMeant } from "./values.ts";

/** Rows of what happened. */
const maxEvents = 8;
/** Trips and stops of the chosen device. */
const maxLegs = 20;

/** Where devices went: trips, stops, fences, and who drives too fast, beside the map with the trails. */
export function TrackingView({ page }: { page: Page }) {
  const now = page.now.value;
  const filter = page.filter.value;
  const trips = page.insights.of("trips");
  const tracked = trackedOf(trips).filter(({ name }) => isMeant(filter, name));
  const chosen = page.place.value.detail ?? tracked[0]?.device ?? null;
  const visits = visitsOf(page.insights.of("geofence").values()).filter(({ name, fence }) =>
    isMeant(filter, name, fence),
  );
  const speeding = speedingOf(trips.values()).filter(({ name }) => isMeant(filter, name));
  return (
    <>
      <Devices page={page} tracked={tracked} chosen={chosen} now={now} />
      <Legs page={page} device={chosen} now={now} />
      <Fences visits={visits} now={now} />
      <ShareList page={page} />
      <TooFast speeding={speeding} now={now} />
    </>
  );
}

interface DevicesProps {
  readonly page: Page;
  readonly tracked: readonly Tracked[];
  readonly chosen: string | null;
  readonly now: number;
}

function Devices({ page, tracked, chosen, now }: DevicesProps) {
  const moving = tracked.filter(({ state }) => state === "moving").length;
  return (
    <Section
      title="Devices"
      summary={`${moving} of ${tracked.length} moving`}
      empty={tracked.length === 0 ? "No trips yet." : null}
    >
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">Device</th>
            <th scope="col">State</th>
            <th scope="col" class="number">
              This trip
            </th>
            <th scope="col" class="number wide-column">
              In all
            </th>
            <th scope="col">Next</th>
          </tr>
        </thead>
        <tbody>
          {tracked.slice(0, maxListRows).map((device) => (
            <tr key={device.device} class={device.device === chosen ? "selected" : ""}>
              <th scope="row">
                <a
                  href={hashOf("tracking", device.device)}
                  aria-current={device.device === chosen ? "true" : undefined}
                  onClick={() => select(page, `gps/${device.device}`)}
                >
                  {device.name}
                </a>
              </th>
              <td class="state-word">
                {device.state}{" "}
                <span class="item-sub">{device.since === null ? "" : ageWords(now - device.since)}</span>
              </td>
              <td class="number">
                {device.tripDistanceM === null ? "–" : distanceWords(device.tripDistanceM)}
              </td>
              <td class="number wide-column">
                {distanceWords(device.totalDistanceM)}{" "}
                <span class="item-sub">
                  {device.totalTrips} trip{device.totalTrips === 1 ? "" : "s"}
                </span>
              </td>
              <td>{device.eta === null || device.eta.arrivesAt < now ? "–" : etaWords(device.eta, now)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <More total={tracked.length} />
    </Section>
  );
}

function etaWords({ place, arrivesAt }: NonNullable<Tracked["eta"]>, now: number): string {
  return `${place} ${clockWords(arrivesAt, now)}`;
}

interface LegsProps {
  readonly page: Page;
  readonly device: string | null;
  readonly now: number;
}

function Legs({ page, device, now }: LegsProps) {
  const trips = useRecent(page, device && `trips/${device}/trip`, maxLegs);
  const stops = useRecent(page, device && `trips/${device}/stop`, maxLegs);
  const legs = legsOf([...trips.values(), ...stops.values()], now).slice(0, maxLegs);
  if (device === null) return null;
  return (
    <Section
      title="Trips and stops"
      summary={device}
      empty={legs.length === 0 ? "No trip or stop of it is over yet." : null}
    >
      <table class="grid">
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">From, to</th>
            <th scope="col" class="number">
              Took
            </th>
            <th scope="col" class="number">
              Distance
            </th>
            <th scope="col" class="number">
              Fastest
            </th>
          </tr>
        </thead>
        <tbody>
          {legs.map((leg) => (
            <LegRow key={`${leg.kind} ${leg.start}`} leg={leg} now={now} />
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function LegRow({ leg, now }: { leg: Leg; now: number }) {
  return (
    <tr>
      <th scope="row">{leg.kind}</th>
      <td>
        {clockWords(leg.start, now)} – {clockWords(leg.end, now)}
      </td>
      <td class="number">{spanWords(leg.durationS)}</td>
      <td class="number">{leg.distanceM === null ? "" : distanceWords(leg.distanceM)}</td>
      <td class="number">{leg.maxKmh === null ? "" : `${Math.round(leg.maxKmh)} km/h`}</td>
    </tr>
  );
}

function Fences({ visits, now }: { visits: readonly Visit[]; now: number }) {
  const fences = fencesOf(visits);
  const inside = visits.filter(({ isInside }) => isInside).length;
  return (
    <Section
      title="Fences"
      summary={`${inside} inside`}
      empty={visits.length === 0 ? "No device has been in a fence." : null}
    >
      <ul class="items">
        {fences.map((fence) => (
          <li key={fence.fence} class="item" data-fence={fence.fence}>
            <div class="item-main">
              <strong>{fence.fence}</strong>
              <span class="item-sub">
                {fence.inside.map(({ name }) => name).join(", ") || "nobody inside"}
              </span>
            </div>
            <span class="figure">{fence.inside.length}</span>
          </li>
        ))}
      </ul>
      <h3 class="sub-head">What happened last</h3>
      <ul class="items">
        {visits.slice(0, maxEvents).map((visit) => (
          <li key={visit.topic} class="item" data-event={visit.event}>
            <span class={visit.event === "enter" ? "mark-word good" : "mark-word"}>
              {eventWords[visit.event] ?? visit.event}
            </span>
            <div class="item-main">
              <span>
                {visit.name} · {visit.fence}
              </span>
            </div>
            <span class="item-time">
              {clockWords(visit.time, now)}
              {visit.event !== "enter" && `, after ${spanWords(visit.insideS)}`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

const eventWords: Readonly<Record<string, string>> = { enter: "entered", dwell: "stays", exit: "left" };

function TooFast({ speeding, now }: { speeding: readonly Speeding[]; now: number }) {
  const count = speeding.filter(({ isNow }) => isNow).length;
  return (
    <Section
      title="Speeding"
      summary={count === 0 ? "nobody now" : `${count} now`}
      empty={speeding.length === 0 ? "Nobody has driven too fast." : null}
    >
      <ul class="items">
        {speeding.slice(0, maxEvents).map((one) => (
          <li key={one.device} class="item" data-speeding={one.isNow}>
            <span class={one.isNow ? "mark-word bad" : "mark-word"}>{one.isNow ? "too fast" : "was"}</span>
            <div class="item-main">
              <strong>{one.name}</strong>
              <span class="item-sub">
                {Math.round(one.maxKmh)} km/h where {Math.round(one.limitKmh)} are allowed
              </span>
            </div>
            <span class="item-time">{one.since === null ? "" : speedingTimes(one, one.since, now)}</span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function speedingTimes({ isNow, until }: Speeding, since: number, now: number): string {
  const end = isNow || until === null ? now : until;
  return `${isNow ? "since " : ""}${clockWords(since, now)}, ${spanWords((end - since) / 1000)}`;
}
