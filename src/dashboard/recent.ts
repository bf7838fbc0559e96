import { useEffect, useState } from "preact/hooks";
import type { Values } from "../model/reading.ts";
import type { Page } from "./page.ts";

/** One word of an insight's topic. */
export interface Told {
  readonly topic: string;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly values: Values;
}

/**
 * The last readings of a topic and what comes next, of each instant the one that was told last. They are of the present:
 * who shows the past leaves out what is later. Empty while `topic` is null.
 */
export function useRecent(page: Page, topic: string | null, max: number): ReadonlyMap<number, Told> {
  const [recent, setRecent] = useState<{ topic: string | null; byTime: Map<number, Told> }>(noneYet);
  useEffect(() => {
    if (topic === null) return;
    const byTime = new Map<number, Told>();
    setRecent({ topic, byTime });
    const subscription = page.client.subscribe(topic, { from: { last: max } }, (reading) => {
      byTime.set(reading.time, reading);
      if (byTime.size > max * 2) byTime.delete(Math.min(...byTime.keys()));
    });
    return () => subscription.close();
  }, [page, topic, max]);
  // Drawn anew with everything else on the page, not with each reading.
  void page.now.value;
  return recent.topic === topic ? recent.byTime : noneYet().byTime;
}

function noneYet(): { topic: string | null; byTime: Map<number, Told> } {
  return { topic: null, byTime: new Map() };
}
