import { z } from "zod";
import { fixSettings } from "./fixes.ts";

const place = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(100)
    .regex(/^[^/+#]+$/, "must be one topic level: no `/`, `+` or `#`")
    .describe("Topic level of the place"),
  lat: z.number().min(-90).max(90).describe("Latitude"),
  lon: z.number().min(-180).max(180).describe("Longitude"),
  radiusM: z
    .number()
    .positive()
    .max(10_000)
    .default(100)
    .describe("Who is within that has arrived, in metres"),
});

const seconds = z.number().positive().max(86_400);

/** The section `insights.eta` of the config. */
export const etaSettings = z.strictObject({
  places: z.array(place).max(100).default([]).describe("Where devices may be on their way to"),
  maxDistanceM: z
    .number()
    .positive()
    .max(1_000_000)
    .default(20_000)
    .describe("Devices farther away are not on their way to a place, in metres"),
  detour: z.number().min(1).max(5).default(1.3).describe("How much longer the way is than the straight line"),
  averageS: seconds
    .default(600)
    .describe("The speed is averaged over about that, halts included, in seconds"),
  minSpeedKmh: z
    .number()
    .positive()
    .max(100)
    .default(4)
    .describe("Who is slower on average is not on the way"),
  everyS: seconds.default(60).describe("How often it is reckoned, in seconds"),
  changeS: z
    .number()
    .min(0)
    .max(86_400)
    .default(60)
    .describe("A time of arrival that differs less from the one told is not told, in seconds"),
  changePct: z
    .number()
    .min(0)
    .max(100)
    .default(10)
    .describe("Nor is one that differs by less than so much of the time that is left, in percent"),
  silentAfterS: seconds
    .default(300)
    .describe("After so long without a position nothing is known, in seconds"),
  ...fixSettings,
});

export type EtaSettings = z.infer<typeof etaSettings>;
export type EtaPlace = z.infer<typeof place>;
