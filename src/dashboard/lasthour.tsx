import { useEffect, useState } from "preact/hooks";
import { fetchHour, type HourPoint, hourPath } from "./hour.ts";
import { valueWords } from "./words.ts";

const width = 280;
const height = 44;
/** While the card is open the chart is drawn anew this often. */
const renewMs = 30_000;

interface LastHourProps {
  readonly topic: string;
  readonly name: string;
  readonly now: number;
}

/** The course of a value over the last hour, from the gateway's history; nothing where there is none. */
export function LastHour({ topic, name, now }: LastHourProps) {
  const [loaded, setLoaded] = useState<{ topic: string; points: readonly HourPoint[] }>({
    topic,
    points: [],
  });
  // The chart also follows the page to another time.
  const slot = Math.floor(now / renewMs);
  useEffect(() => {
    const left = new AbortController();
    // The card is as useful without: who cannot reach the gateway is told so elsewhere on the page.
    const end = (slot + 1) * renewMs;
    fetchHour(topic, name, end, left.signal).then(
      (points) => setLoaded({ topic, points }),
      () => {},
    );
    return () => left.abort();
  }, [topic, name, slot]);
  const points = loaded.topic === topic ? loaded.points : [];
  const path = hourPath(points, now, width, height);
  if (path === "") return null;
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)].map((value) => valueWords(name, value));
  return (
    <figure class="card-hour">
      <svg viewBox={`0 -2 ${width} ${height + 4}`} preserveAspectRatio="none" aria-hidden="true">
        <path d={path} />
      </svg>
      <figcaption>
        <span>last hour</span>
        <span>
          {low?.number} to {high?.number} <span class="unit">{high?.unit}</span>
        </span>
      </figcaption>
    </figure>
  );
}
