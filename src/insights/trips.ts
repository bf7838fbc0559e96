import { z } from "zod";
import { DeviceCourses, type Devices } from "./device-courses.ts";
import { fixSettings } from "./fixes.ts";
import type { Insight } from "./insight.ts";
import { TripCourse } from "./trip.ts";
import type { TripFold } from "./trip-words.ts";

const metres = (max: number) => z.number().positive().max(max);
const seconds = (max: number) => z.number().positive().max(max);

const settings = z.strictObject({
  stopRadiusM: metres(10_000).default(40).describe("Who stays within that stands, in metres"),
  stopAfterS: seconds(86_400).default(180).describe("Standing for so long ends a trip, in seconds"),
  silentAfterS: seconds(86_400)
    .default(900)
    .describe("A trip of which nothing is heard for so long has ended, and the state is unknown, in seconds"),
  minMoveM: metres(1_000)
    .default(15)
    .describe("Distance is counted in steps of at least that, and of the accuracy, in metres"),
  minTripM: z.number().min(0).max(100_000).default(100).describe("Shorter trips are not told, in metres"),
  statusS: seconds(3_600).default(300).describe("How often the state is told during a trip, in seconds"),
  speedLimitKmh: metres(500).optional().describe("Faster is speeding; absent: it is not watched"),
  speedingAfterS: z
    .number()
    .min(0)
    .max(3_600)
    .default(10)
    .describe("Too fast for so long is speeding, in seconds"),
  trailSpacingM: metres(10_000)
    .default(200)
    .describe("Points of the trail are no farther apart than that and the next position"),
  trailToleranceM: metres(1_000)
    .default(10)
    .describe("A position so far off the straight line is a point of the trail, in metres"),
  ...fixSettings,
});

type Settings = z.infer<typeof settings>;

/**
 * Where devices went. `trips/<device>`: `state` (moving, stopped, unknown) since when, the trip under way, totals, and how
 * many positions were left out. Below it `trip` (one reading per trip, at its end), `stop` (one per stop, at its end), `trail`
 * (the way as few points as show it) and `speeding`. GPS.md tells what the values mean.
 */
export const trips: Insight<Settings, Devices<TripFold>> = {
  name: "trips",
  description: "Trips, stops, distance, trail and speeding of devices that tell their position",
  onByDefault: false,
  settings,
  writes: ["trips"],
  reads: ({ filters }) => filters,
  stateVersion: 2,
  start: () => new Map(),
  create: (settings, devices) =>
    new DeviceCourses({
      ...settings,
      devices,
      course: new TripCourse(settings),
      tellTo: (device, emit) => (channel, time, values) => {
        const at = channel === "" ? {} : { channel };
        emit({ domain: "trips", device, ...at, time, values });
      },
    }),
};
