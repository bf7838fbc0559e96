import { readFileSync } from "node:fs";
import { z } from "zod";
import { loadTimetable } from "../gtfs/load-timetable.ts";
import type { Insight } from "../insights/insight.ts";
import { allInsights } from "../insights/registry.ts";
import { filterProblem } from "../model/filter.ts";
import type { MapPlace } from "../model/map-place.ts";
import type { Timetable } from "../model/timetable.ts";
import type { Logger } from "../observe/log.ts";
import type { ConfiguredInsight } from "../pipeline/insight-runner.ts";
import { StartError } from "./start-error.ts";

/** What the operator says about the insights: a section each, put together from their own schemas. */
export const insights = z
  .strictObject(Object.fromEntries(allInsights.map((insight) => [insight.name, section(insight)])))
  .prefault({});

type InsightsConfig = Readonly<Record<string, ({ readonly enabled: boolean } & object) | undefined>>;

function section({ settings, onByDefault, description }: Insight) {
  const when = onByDefault ? "" : " Runs if its section is there.";
  const enabled = z.boolean().default(true).describe(`${description}.${when} \`false\` switches it off`);
  const whole = z.strictObject({ enabled, ...settings.shape });
  return onByDefault ? whole.prefault({}) : whole.optional();
}

/** The insights that are switched on, with their settings. */
function enabledInsights(config: InsightsConfig): { insight: Insight; settings: unknown }[] {
  return allInsights.flatMap((insight) => {
    const section = config[insight.name];
    if (!section?.enabled) return [];
    const { enabled: _, ...settings } = section;
    return [{ insight, settings }];
  });
}

/** The insights that are switched off. */
export function switchedOffInsights(config: InsightsConfig): Insight[] {
  return allInsights.filter(({ name }) => !config[name]?.enabled);
}

/** Says what is wrong with the insights' settings, beginning with the path of the key (`insights.presence.…: …`); null if nothing. */
export function insightsProblem(config: InsightsConfig): string | null {
  for (const { insight, settings } of enabledInsights(config)) {
    const path = `insights.${insight.name}`;
    const problem = insight.problem?.(settings) ?? null;
    if (problem !== null) return `${path}.${problem}`;
    for (const filter of insight.reads(settings)) {
      const wrong = filterProblem(filter);
      if (wrong !== null) return `${path}: the filter ${JSON.stringify(filter)} cannot be used: ${wrong}`;
    }
  }
  return null;
}

/**
 * What the runner starts.
 * @throws StartError when a file or a timetable that an insight needs cannot be read
 */
export async function configuredInsights(
  config: { readonly insights: InsightsConfig; readonly timezone?: string | undefined },
  logger: Logger,
): Promise<ConfiguredInsight[]> {
  const configured: ConfiguredInsight[] = [];
  for (const { insight, settings } of enabledInsights(config.insights)) {
    const names = insight.files?.(settings) ?? [];
    const files = new Map(names.map((name) => [name, readNamed(insight.name, name)]));
    const timetables = new Map<string, Timetable>();
    for (const path of insight.timetables?.(settings) ?? []) {
      timetables.set(path, await readTimetable(insight.name, path, logger));
    }
    configured.push({ insight, settings, context: { timezone: config.timezone ?? null, files, timetables } });
  }
  return configured;
}

/** What stands on the map because of the insights that run. */
export function mapPlaces(configured: readonly ConfiguredInsight[]): MapPlace[] {
  return configured.flatMap(({ insight, settings, context }) => insight.places?.(settings, context) ?? []);
}

async function readTimetable(insight: string, path: string, logger: Logger): Promise<Timetable> {
  try {
    const { timetable, problems } = await loadTimetable(path);
    const { trips, stops } = timetable;
    logger.info({ path, trips: trips.length, stops: stops.length }, "a timetable was loaded");
    if (problems.length > 0) logger.warn({ path, problems }, "rows of a timetable were left out");
    return timetable;
  } catch (error) {
    throw new StartError(`insights.${insight}: cannot use the timetable: ${(error as Error).message}`);
  }
}

function readNamed(insight: string, file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartError(`insights.${insight}: cannot read the file: ${(error as Error).message}`);
  }
}
