import { z } from "zod";
import type { RouterSettings } from "../formats/contexts.ts";
import { createRouter } from "../formats/registry.ts";

/** True for an IANA zone. */
export function isTimezone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const context = z.strictObject({
  topic: z
    .string()
    .min(1)
    .describe(
      "Which topics it is about: a filter (`meters/#`), or a pattern with named levels (`radar/{site}/stats`). Of several that match a topic the most specific one applies, alone",
    ),
  format: z
    .string()
    .exactOptional()
    .describe(
      "Name of the format that reads these topics (`fieldcast formats`). Unset: `mapping` if it has `fields`, else the format that claims the topic",
    ),
  timezone: z
    .string()
    .refine(isTimezone, "not an IANA time zone such as Europe/Berlin")
    .exactOptional()
    .describe("Zone of local times without an offset, instead of the gateway's"),
  topicPattern: z
    .string()
    .min(1)
    .exactOptional()
    .describe(
      "Where the format's topics are laid out differently, in its own notation (`%prefix%/%topic%/`)",
    ),
  mapping: z
    .record(z.string(), z.unknown())
    .exactOptional()
    .describe(
      "What the source's fields are, for the formats that take one; see mappings.md beside this file",
    ),
  nodes: z.unknown().exactOptional().describe("What stands where in the messages of emonHub's nodes"),
  freeFlowKmh: z
    .number()
    .positive()
    .max(1_000)
    .exactOptional()
    .describe("Speed on the free road in km/h; `speedRatio` and `congestionLevel` follow from it"),
});

/** What the operator says about the devices behind some topics. */
export const contexts = z
  .array(context)
  .default([])
  .describe("What the gateway cannot know of the devices behind some topics: zone, mapping, format");

/** The part of the configuration that the router takes. */
export function routerSettings({
  timezone,
  contexts,
}: {
  readonly timezone?: string | undefined;
  readonly contexts: z.infer<typeof context>[];
}): RouterSettings {
  return timezone === undefined ? { contexts } : { timezone, contexts };
}

/** Says what is wrong with the contexts, beginning with the path of the key (`contexts.0.mapping.time: …`); null if nothing. */
export function contextsProblem(settings: RouterSettings): string | null {
  try {
    createRouter(settings);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
