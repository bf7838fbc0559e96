import { z } from "zod";

const seconds = (max: number) => z.number().positive().max(max);

/** The section `insights.transit` of the config. */
export const transitSettings = z.strictObject({
  gtfs: z.string().min(1).describe("The timetable: path of a GTFS Schedule archive (zip)"),
  filters: z.array(z.string()).default(["transit/#"]).describe("Topics whose vehicles are watched"),
  maxAwayM: z
    .number()
    .positive()
    .max(5_000)
    .default(80)
    .describe("A vehicle farther from the way of its trip is not on it, in metres"),
  awayS: seconds(3_600).default(60).describe("Off its way for so long it is on another, in seconds"),
  silentS: seconds(86_400)
    .default(300)
    .describe("Nothing is foretold of a vehicle that was not heard of for so long, in seconds"),
  delayNoticeS: seconds(86_400).default(300).describe("A trip so late is told to its line, in seconds"),
  earlyNoticeS: seconds(3_600)
    .default(60)
    .describe("Leaving a stop so much before the timetable is told there, in seconds"),
  bunchedRatio: z
    .number()
    .min(0)
    .max(1)
    .default(0.25)
    .describe(
      "A vehicle is bunched when it is behind the one ahead by less than this share of the timetable's",
    ),
  settleS: z
    .number()
    .min(0)
    .max(3_600)
    .default(30)
    .describe("Notices of a stop wait so long for readings that come late, in seconds"),
});

export type TransitSettings = z.infer<typeof transitSettings>;
