import { z } from "zod";
import { filterProblem } from "../model/filter.ts";
import { levels, timezoneProblem } from "./calendar.ts";
import { phases } from "./energy-site.ts";

const name = z
  .string()
  .regex(/^[\p{L}\p{N}_-]{1,64}$/u, "use letters, digits, - and _, at most 64")
  .describe("Becomes a level of its topic");

const filters = z.array(z.string()).max(1_000);

export const usageSettings = z.strictObject({
  filters: filters.default(["energy/#"]).describe("Topics of meters"),
  timezone: z
    .string()
    .optional()
    .describe("IANA zone whose hours, days and months count; the gateway's `timezone` or UTC if absent"),
  periods: z
    .array(z.enum(levels))
    .default([...levels])
    .describe("Periods that are told; leave out the quarter-hours of meters that report by the hour"),
  refreshS: z
    .number()
    .min(1)
    .max(86_400)
    .default(300)
    .describe("How often running totals (`usage/…/now`) are told while readings come, in seconds"),
  lateS: z
    .number()
    .min(1)
    .max(3_600)
    .default(300)
    .describe("So long after a reading others may still fit closely around it, in seconds"),
  keepH: z
    .number()
    .min(1)
    .max(744)
    .default(24)
    .describe("Late readings are taken so far back from the newest one of their meter, in hours"),
  maxMeters: z
    .int()
    .min(1)
    .max(100_000)
    .default(2_000)
    .describe("Meters and phases known at most; the one silent longest makes room"),
  powerGapS: z
    .number()
    .min(1)
    .max(3_600)
    .default(300)
    .describe("Power of meters without counters is integrated across pauses up to this, in seconds"),
  maxPowerW: z
    .number()
    .min(1)
    .max(1e9)
    .default(100_000)
    .describe("No meter can do more: a counter that jumps farther was exchanged, in W"),
  rollovers: z
    .array(
      z.strictObject({
        meters: z.string().describe("MQTT filter of the meters"),
        atWh: z.number().positive().max(1e12).describe("The counter goes on from 0 here, in Wh"),
      }),
    )
    .max(1_000)
    .default([])
    .describe("Counters that roll over; all others are taken to be reset when they go back"),
  sites: z
    .array(
      z.strictObject({
        name,
        timezone: z.string().optional().describe("The site's own IANA zone"),
        grid: filters.default([]).describe("Meters at its connection to the grid"),
        production: filters.default([]).describe("Meters of what it produces"),
        productionCounter: z
          .enum(["import", "export"])
          .default("export")
          .describe("Which counter of those has the production"),
        groups: z
          .array(z.strictObject({ name, meters: filters.describe("Meters that are added up") }))
          .max(1_000)
          .default([])
          .describe("Some of its meters, to be added up"),
      }),
    )
    .max(1_000)
    .default([])
    .describe("Sites: what comes from the grid, goes to it, and is produced and used on the spot"),
});

export type UsageSettings = z.infer<typeof usageSettings>;

/** What the schema cannot say (insight.ts, `problem`). */
export function usageProblem({ timezone, sites, rollovers }: UsageSettings): string | null {
  const zone = timezone === undefined ? null : timezoneProblem(timezone);
  if (zone !== null) return `timezone: ${zone}`;
  for (const [index, { meters }] of rollovers.entries()) {
    const wrong = filterProblem(meters);
    if (wrong !== null) return `rollovers.${index}.meters: ${wrong}`;
  }
  const names = new Set<string>();
  for (const [index, site] of sites.entries()) {
    const problem = siteProblem(site, names);
    if (problem !== null) return `sites.${index}.${problem}`;
    names.add(site.name);
  }
  return null;
}

function siteProblem(site: UsageSettings["sites"][number], names: ReadonlySet<string>): string | null {
  if (names.has(site.name)) return `name: there is another site ${JSON.stringify(site.name)}`;
  const zone = site.timezone === undefined ? null : timezoneProblem(site.timezone);
  if (zone !== null) return `timezone: ${zone}`;
  const taken = new Set<string>([...phases, "now", "quarterHour", "hour", "day", "month"]);
  for (const [index, group] of site.groups.entries()) {
    if (taken.has(group.name)) return `groups.${index}.name: ${JSON.stringify(group.name)} is taken`;
    taken.add(group.name);
  }
  const lists = { grid: site.grid, production: site.production };
  const all = [
    ...Object.entries(lists),
    ...site.groups.map(({ meters }, index) => [`groups.${index}.meters`, meters] as const),
  ];
  for (const [path, filters] of all) {
    for (const [index, filter] of filters.entries()) {
      const wrong = filterProblem(filter);
      if (wrong !== null) return `${path}.${index}: ${JSON.stringify(filter)} cannot be used: ${wrong}`;
    }
  }
  return null;
}
