import { setImmediate as nextTurn } from "node:timers/promises";
import { feedMessage } from "../formats/gtfs-rt-messages.ts";
import type { Latest, Log } from "../log/contract.ts";
import { alertEntities, foreignAlertEntities } from "./realtime-alerts.ts";
import { type KnownVehicles, knownVehicles } from "./realtime-trip.ts";
import { tripUpdateEntities } from "./realtime-updates.ts";
import { vehicleEntities } from "./realtime-vehicles.ts";
import { type ProtoObject, writeProto } from "./write-proto.ts";

export const feedNames = ["vehicle-positions", "trip-updates", "alerts"] as const;
export type FeedName = (typeof feedNames)[number];

/** A feed is made anew at most so often. Milliseconds. */
const refreshMs = 1_000;
/** Topics that are looked at without a pause. */
const sliceTopics = 500;
/** Most entities of a feed; it is what readers take (formats/gtfs-rt.ts). */
const maxEntities = 10_000;

interface Made {
  readonly at: number;
  readonly bytes: Promise<Uint8Array>;
}

/** GTFS-Realtime feeds of what the log's topics show (https://gtfs.org/documentation/realtime/reference/). */
export class RealtimeFeeds {
  readonly #log: Log;
  readonly #made = new Map<FeedName, Made>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** A whole feed (FULL_DATASET) in protobuf. Who asks at the same time gets the same. */
  read(name: FeedName): Promise<Uint8Array> {
    const { time } = this.#log;
    const made = this.#made.get(name);
    if (made && time - made.at < refreshMs) return made.bytes;
    const bytes = this.#make(name, time);
    this.#made.set(name, { at: time, bytes });
    bytes.catch(() => this.#made.delete(name));
    return bytes;
  }

  async #make(name: FeedName, now: number): Promise<Uint8Array> {
    const entity = (await this.#entities(name, now)).slice(0, maxEntities);
    // The feed is not older than what it tells.
    const timestamp = Math.max(Math.floor(now / 1_000), ...entity.map(timestampOf));
    const header = { gtfs_realtime_version: "2.0", incrementality: 0, timestamp };
    return writeProto(feedMessage, { header, entity });
  }

  async #entities(name: FeedName, now: number): Promise<ProtoObject[]> {
    if (name === "alerts") {
      const foreign = foreignAlertEntities(await this.#latest("transit/alert/#"), now);
      return [...alertEntities(await this.#latest("alerts/transit/#"), now), ...foreign];
    }
    const vehicles: KnownVehicles = knownVehicles(await this.#latest("trips/transit/#"));
    if (name === "trip-updates") return tripUpdateEntities(await this.#latest("arrivals/#"), vehicles, now);
    return vehicleEntities(await this.#latest("transit/#"), vehicles, now);
  }

  async #latest(filter: string): Promise<Latest[]> {
    const found: Latest[] = [];
    for (let after: number | null = 0; after !== null; ) {
      const page = this.#log.latestPage(filter, after, sliceTopics);
      found.push(...page.entries);
      after = page.next;
      await nextTurn();
    }
    return found;
  }
}

function timestampOf({ vehicle, trip_update }: ProtoObject): number {
  const { timestamp = 0 } = ((vehicle ?? trip_update) as { readonly timestamp?: number } | undefined) ?? {};
  return timestamp;
}
