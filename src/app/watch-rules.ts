import type { z } from "zod";
import type { WatchRules, WatchWords } from "../http/watches.ts";
import { maxAskedWatches } from "../insights/fare-asked.ts";
import { type WatchSettings, watchesProblem, watchSettings } from "../insights/fare-watch.ts";
import type { Config } from "./config.ts";

/** What the configuration says of watches on fares; null if the insight does not run. */
export function watchRules(config: Config): WatchRules | null {
  const fares = config.insights["fares"] as
    | { readonly enabled: boolean; readonly watches: readonly WatchSettings[]; readonly noisePct: number }
    | undefined;
  if (!fares?.enabled) return null;
  return {
    configured: fares.watches as readonly WatchWords[],
    maxAsked: maxAskedWatches,
    read: (words) => {
      const read = watchSettings.safeParse(words);
      if (!read.success) return issueOf(read.error);
      const problem = watchesProblem([read.data], fares.noisePct);
      return problem === null
        ? (read.data as WatchWords)
        : problem.replace(/^watches\.0\./, "parameter ").replace(/^watches\.0: /, "watch: ");
    },
  };
}

function issueOf({ issues }: z.core.$ZodError): string {
  const [first] = issues;
  return `parameter ${first?.path.join(".") || "name"}: ${first?.message ?? "no good"}`;
}
