import { type Domain, domains } from "../model/reading.ts";

/** Where a reading belongs on the page: one row per place, parts (phases, stops) within it. */
export interface Place {
  readonly domain: Domain;
  /** Names the row. */
  readonly key: string;
  /** Names the device that the row counts for; several rows can be of one device (the directions of a station). */
  readonly device: string;
  /** The device's id as people wrote it. */
  readonly name: string;
  /** What the row tells apart within itself, "" for the device as a whole. */
  readonly part: string;
}

const phase = /^(?:L[123]|total)$/;
const input = /^\d{1,3}$/;

/**
 * Finds the place of a topic; null if it is none of the five domains (insights have first levels of their own). A
 * channel cannot be told from a device id's own slashes, so this goes by what the formats write: a phase or an input
 * number after a meter, a stop after a vehicle, the last level of a road station.
 */
export function placeOf(topic: string): Place | null {
  const levels = topic.split("/");
  const domain = domains.find((name) => name === levels[0]);
  if (!domain || levels.length < 2 || levels[1] === "") return null;
  const ids = levels.slice(1);
  const last = ids.at(-1) as string;
  // Three levels with a number at the end are one device's id (Victron's portal/service/instance).
  const isPart = ids.length > 1 && (phase.test(last) || (ids.length === 2 && input.test(last)));
  if (domain === "energy" && isPart) return place(domain, ids.slice(0, -1), last);
  if (domain === "transit" && ids.length > 2) return place(domain, ids.slice(0, 2), ids.slice(2).join("/"));
  if (domain === "road" && ids.length > 1) {
    const station = ids.slice(0, -1).join("/");
    return {
      ...place(domain, ids, ""),
      device: `road/${station}`,
      name: `${plainId(station)} · ${plainId(last)}`,
    };
  }
  return place(domain, ids, "");
}

function place(domain: Domain, ids: readonly string[], part: string): Place {
  const key = `${domain}/${ids.join("/")}`;
  return { domain, key, device: key, name: plainId(ids.join("/")), part };
}

/** Undoes the percent-encoding of topics (`topicOf`); text that is none stays as it is. */
export function plainId(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
