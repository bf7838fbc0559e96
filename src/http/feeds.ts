import { unavailable } from "./answer-descriptions.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";

/** The feeds that there are, each with its words. */
const feeds = {
  "vehicle-positions": "Where vehicles of public transport are, which told it in the last 15 minutes",
  "trip-updates": "When the vehicles that are on a trip of the timetable come to its stops",
  alerts: "What passengers of lines and stops should know",
} as const;

/** Makes a GTFS-Realtime feed. @throws LogUnavailable (as rejection) when the log cannot be read */
export type ReadFeed = (name: keyof typeof feeds) => Promise<Uint8Array>;

/** `GET /feeds/gtfs-realtime/….pb`. */
export function feedEndpoints(read: ReadFeed): Endpoint[] {
  return (Object.keys(feeds) as (keyof typeof feeds)[]).map((name) =>
    endpoint({
      method: "GET",
      path: `/feeds/gtfs-realtime/${name}.pb`,
      operation: name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
      summary: feeds[name],
      description:
        "A GTFS-Realtime feed (version 2.0, FULL_DATASET), made anew at most once a second. Trip updates and alerts need the insight `transit`.",
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
