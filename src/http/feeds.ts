import { unavailable } from "./answer-descriptions.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";

/** The feeds that there are. */
const feeds = [
  {
    name: "vehicle-positions",
    path: "/feeds/gtfs-realtime/vehicle-positions.pb",
    operation: "vehiclePositions",
    summary: "Where vehicles of public transport are that told it in the last 15 minutes",
  },
  {
    name: "trip-updates",
    path: "/feeds/gtfs-realtime/trip-updates.pb",
    operation: "tripUpdates",
    summary: "When the vehicles that are on a trip of the timetable come to its stops",
  },
  {
    name: "alerts",
    path: "/feeds/gtfs-realtime/alerts.pb",
    operation: "alerts",
    summary: "What passengers of lines and stops should know",
  },
] as const;

/** Makes a GTFS-Realtime feed. */
export type ReadFeed = (name: (typeof feeds)[number]["name"]) => Promise<Uint8Array>;

/** `GET /feeds/gtfs-realtime/….pb`. */
export function feedEndpoints(read: ReadFeed): Endpoint[] {
  return feeds.map(({ name, ...feed }) =>
    endpoint({
      ...feed,
      method: "GET",
      description:
        "A GTFS-Realtime feed (version 2.0, FULL_DATASET), made anew at most once a second. Trip updates need the insight `transit`, and so do alerts, but for those that others told.",
      // Journey planners put keys of their own there.
      parameters: null,
      answers: {
        200: {
          description: "A FeedMessage.",
          content: { "application/x-protobuf": { type: "string", format: "binary" } },
        },
        503: unavailable,
      },
      handle: async () => ({
        status: 200,
        headers: { "content-type": "application/x-protobuf", "cache-control": "max-age=1" },
        body: await read(name),
      }),
    }),
  );
}
