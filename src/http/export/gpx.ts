import { isoTime } from "../../model/reading.ts";
import type { PageEnd, Row, RowWriter } from "./row.ts";

const head =
  '<?xml version="1.0" encoding="UTF-8"?>\n' +
  '<gpx version="1.1" creator="Fieldcast" xmlns="http://www.topografix.com/GPX/1/1" ' +
  'xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v2">\n';

/** A silence this long between two positions ends a track segment, as GPX asks for where reception was lost. */
const maxPauseMs = 10 * 60_000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: what XML 1.0 cannot hold (its production 2, "Char")
const noXmlChar = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;

/**
 * GPX 1.1 (https://www.topografix.com/GPX/1/1/): a track for each topic, a point for each row with a position; rows without one
 * cannot be said in it. Speed (m/s) and course are in Garmin's TrackPointExtension 2, which other programs read too.
 */
export class GpxWriter implements RowWriter {
  #topicId = 0;
  #time = 0;

  head(): string {
    return head;
  }

  rows(rows: readonly Row[]): string {
    return rows.map((row) => this.#row(row)).join("");
  }

  tail({ oldest, isEvicted }: PageEnd): string {
    const since = typeof oldest === "number" ? ` before ${isoTime(oldest)}` : "";
    const notice = isEvicted ? `<!-- evicted meanwhile: what was stored${since} may be missing -->\n` : "";
    return `${this.#endTrack()}${notice}</gpx>\n`;
  }

  #row(row: Row): string {
    const { lat, lon } = row.values;
    if (typeof lat !== "number" || typeof lon !== "number") return "";
    return this.#start(row) + point(row, lat, lon);
  }

  #start({ topicId, topic, time }: Row): string {
    const pauseMs = Math.abs(time - this.#time);
    this.#time = time;
    if (topicId === this.#topicId) return pauseMs > maxPauseMs ? "</trkseg><trkseg>\n" : "";
    const end = this.#endTrack();
    this.#topicId = topicId;
    return `${end}<trk><name>${escapeXml(topic)}</name><trkseg>\n`;
  }

  #endTrack(): string {
    return this.#topicId === 0 ? "" : "</trkseg></trk>\n";
  }
}

/** The order of the elements is the schema's (`wptType` is a sequence). */
function point({ time, values: { altM, speedKmh, courseDeg } }: Row, lat: number, lon: number): string {
  // 180 is not a longitude of the schema, where it is excluded.
  const place = `lat="${decimal(lat)}" lon="${decimal(lon === 180 ? -180 : lon)}"`;
  const height = typeof altM === "number" ? `<ele>${decimal(altM)}</ele>` : "";
  const speed = typeof speedKmh === "number" ? `<gpxtpx:speed>${decimal(speedKmh / 3.6)}</gpxtpx:speed>` : "";
  const course =
    typeof courseDeg === "number" ? `<gpxtpx:course>${decimal(courseDeg % 360)}</gpxtpx:course>` : "";
  const more = speed + course;
  const extensions =
    more === ""
      ? ""
      : `<extensions><gpxtpx:TrackPointExtension>${more}</gpxtpx:TrackPointExtension></extensions>`;
  return `<trkpt ${place}>${height}<time>${isoTime(time)}</time>${extensions}</trkpt>\n`;
}

/** xsd:decimal knows no exponent. */
function decimal(value: number): string {
  const text = String(value);
  if (!text.includes("e")) return text;
  return Number.isInteger(value) ? String(BigInt(value)) : value.toFixed(9);
}

function escapeXml(text: string): string {
  return text
    .replace(noXmlChar, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
