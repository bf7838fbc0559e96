import { nextConnection } from "./connection.ts";
import type { Page } from "./page.ts";

/**
 * Feeds the page from the gateway's stream until the page is left. It is one subscription, so that everything on the page
 * is of the same moment, also where time is played again.
 */
export function startFeed(page: Page): void {
  const { client } = page;
  const readState = () => {
    const { state } = client;
    const now = page.wall.now();
    page.connection.value = nextConnection(
      page.connection.value,
      state === "online",
      state === "closed",
      now,
    );
  };
  client.onState(readState);
  readState();
  // Only time turns "reconnecting" into "offline".
  setInterval(readState, 1_000);
  const all = client.subscribe("#", {
    from: "latest",
    onReading: (reading) => {
      const before = page.things.version;
      page.things.apply(reading);
      if (page.things.version === before) return page.insights.apply(reading);
      if (!reading.snapshot) page.rate.count(page.wall.now());
      for (const listener of page.onReadings) listener();
    },
    onSnapshot: (time) => {
      page.timeLine.answered(time);
      page.things.clear();
      page.insights.clear();
    },
    onReplay: ({ state, time }) => page.timeLine.reached(state, time),
  });
  page.timeLine.moves(all);
}

/** The stream of the server that this page came from. */
export function streamUrl(location: Location): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}/stream`;
}
