import type { BaseMap } from "../map/basemap.ts";
import { createPlainMap } from "../map/plain.ts";
import { palettes } from "../palette.ts";
import { watchTheme } from "../theme.ts";
import { drawTrack } from "./draw.ts";
import { type SharedReading, Track } from "./track.ts";
import "../styles/base.css";
import "../styles/map.css";
import "../styles/share.css";

/** What `/share/<token>/info` tells. */
interface Info {
  readonly topic: string;
  readonly expires: string;
}

const paddingPx = 60;

const element = <Kind extends HTMLElement>(id: string) => document.getElementById(id) as Kind;
const say = (text: string) => {
  element("state").textContent = text;
};

/** The page of a link: its way so far and live, until it ends. */
async function open(): Promise<void> {
  const link = location.pathname.replace(/\/$/, "");
  const answer = await fetch(`${link}/info`);
  if (!answer.ok) return say(await answer.text());
  const info = (await answer.json()) as Info;
  for (const name of ["gpx", "geojson"]) element<HTMLAnchorElement>(name).href = `${link}/track.${name}`;
  element("files").hidden = false;
  const track = new Track();
  follow(link, info, track, showMap(track));
}

function showMap(track: Track): () => void {
  const theme = watchTheme();
  const container = element("map");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const base: BaseMap = createPlainMap(container, { palette: palettes[theme.value], calm });
  const canvas = document.createElement("canvas");
  canvas.className = "overlay";
  container.append(canvas);
  const draw = () => drawTrack(canvas, base, track, palettes[theme.value]);
  let isUsers = false;
  base.onMove(draw);
  base.onUserMove(() => {
    isUsers = true;
  });
  theme.subscribe((name) => base.setPalette(palettes[name]));
  new ResizeObserver(() => base.resize()).observe(container);
  return () => {
    const box = track.box();
    // Who has moved the map wants to look at that place.
    if (box && !isUsers) base.fit(box, paddingPx);
    draw();
  };
}

function follow(link: string, info: Info, track: Track, show: () => void): void {
  const until = new Date(info.expires).toLocaleString();
  const over = () => {
    // The files end with the link.
    element("files").hidden = true;
    const end = Date.now() < new Date(info.expires).getTime() ? "taken back" : until;
    say(`This link has ended (${end}). The way stays here until you leave the page.`);
  };
  const events = new EventSource(`${link}/events`);
  const take = (readings: readonly SharedReading[]) => {
    for (const reading of readings) track.add(reading);
    if (readings.length === 0) return;
    tellPosition(info, track);
    show();
  };
  const on = (name: string, listener: (message: Readonly<Record<string, SharedReading[]>>) => void) =>
    events.addEventListener(name, (event) => listener(JSON.parse((event as MessageEvent<string>).data)));
  on("subscribed", ({ snapshot = [] }) => {
    say(`Live until ${until}`);
    take(snapshot);
  });
  on("snapshot", ({ snapshot = [] }) => take(snapshot));
  on("readings", ({ readings = [] }) => take(readings));
  on("ended", () => {
    events.close();
    over();
  });
  events.onopen = () => say(`Live until ${until}`);
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) over();
    else say("Reconnecting…");
  };
}

function tellPosition({ topic }: Info, { last }: Track): void {
  if (last === null) return;
  const time = new Date(last.time).toLocaleTimeString();
  const speed = last.speedKmh === null ? "" : `, ${Math.round(last.speedKmh)} km/h`;
  const name = topic.slice(topic.indexOf("/") + 1);
  element("position").textContent =
    `${name} at ${time}: ${last.lat.toFixed(5)}, ${last.lon.toFixed(5)}${speed}`;
}

open().catch(() => say("The gateway cannot be reached; try again later."));
