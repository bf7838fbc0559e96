import { setImmediate as nextTurn } from "node:timers/promises";
import type { Insight, Reducer, Shown } from "../insights/insight.ts";
import type { Latest, Log, SavedProgress } from "../log/contract.ts";
import type { DerivedDomain, Reading } from "../model/reading.ts";
import { topicParts } from "../model/topic.ts";
import type { Logger } from "../observe/log.ts";
import { encodeState } from "./insight-state.ts";
import { InsightWriter } from "./insight-writer.ts";

/** Topics looked at before others have their turn. */
const topicsPerTurn = 1_000;

/**
 * What ends the words of an insight behind which nothing stands any more (insights/insight.ts, `ending`): from now on, or from the
 * time that they are of, should that be ahead.
 * @param reducer knows behind which something does; null: behind none
 */
export async function endingsOf(
  { writes, ending }: Insight,
  log: Log,
  reducer: Reducer | null,
): Promise<Reading[]> {
  const readings: Reading[] = [];
  if (ending === undefined) return readings;
  let next: number | null = 0;
  while (next !== null) {
    // Looked through once, also for an insight that writes to several first levels.
    const page = log.latestPage(writes.length === 1 ? `${writes[0]}/#` : "#", next, topicsPerTurn);
    for (const latest of page.entries) {
      const domain = writes.find((level) => latest.topic.name.startsWith(`${level}/`));
      if (domain === undefined) continue;
      const shown = shownOf(latest);
      const values = ending(shown, log.time);
      if (values === null || (reducer?.stands?.(shown, log.time) ?? reducer !== null)) continue;
      readings.push(endOf(domain, latest, values, log.time));
    }
    next = page.next;
    if (next !== null) await nextTurn();
  }
  return readings;
}

/** Ends what insights that are switched off have told (insights/insight.ts, `ending`). Then they have no state: it is made anew. */
export async function endSwitchedOff(
  off: readonly Insight[],
  saved: ReadonlyMap<string, SavedProgress>,
  log: Log,
  logger: Logger,
): Promise<void> {
  for (const insight of off) {
    if (!saved.has(insight.name)) continue;
    const readings = await endingsOf(insight, log, null);
    if (readings.length === 0) continue;
    const state = encodeState(null, null);
    const progress = { name: insight.name, seq: log.head, time: log.time, state };
    // If the log takes nothing now, the next start tries again.
    await new InsightWriter(log, logger).append(readings, progress);
  }
}

export function shownOf({ topic, time, values }: Latest): Shown {
  const { domain, device, channel } = topicParts(topic.name, topic.channelAt);
  return { domain: domain as DerivedDomain, device, channel, time, values };
}

function endOf(domain: DerivedDomain, latest: Latest, values: Reading["values"], now: number): Reading {
  const { device, channel } = shownOf(latest);
  return {
    domain,
    device,
    ...(channel !== undefined && { channel }),
    time: Math.max(now, latest.time),
    values,
    ...(latest.attrs !== null && { attrs: latest.attrs }),
  };
}
