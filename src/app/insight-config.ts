import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Insight } from "../insights/insight.ts";
import { allInsights } from "../insights/registry.ts";
import { filterProblem } from "../model/filter.ts";
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
 * @throws StartError when a file that an insight needs cannot be read
 */
export function configuredInsights(config: {
  readonly insights: InsightsConfig;
  readonly timezone?: string | undefined;
}): ConfiguredInsight[] {
  return enabledInsights(config.insights).map(({ insight, settings }) => {
    const names = insight.files?.(settings) ?? [];
    const files = new Map(names.map((name) => [name, readNamed(insight.name, name)]));
    return { insight, settings, context: { timezone: config.timezone ?? null, files } };
  });
}

function readNamed(insight: string, file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StartError(`insights.${insight}: cannot read the file: ${(error as Error).message}`);
  }
}
