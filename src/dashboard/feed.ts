import { connect } from "../client/client.ts";
import { domains } from "../model/reading.ts";
import { nextConnection } from "./connection.ts";
import { watchedLevels } from "./insightrows.ts";
import type { Page } from "./page.ts";

/** Feeds the page from the gateway's stream until the page is left. */
export function startFeed(page: Page, url: string): void {
  const client = connect(url, {});
  const readState = () => {
    const { state } = client;
    const now = page.clock.now();
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
  for (const domain of domains) {
    client.subscribe(`${domain}/#`, { from: "latest" }, (reading) => {
      page.things.apply(reading);
      if (!reading.snapshot) page.rate.count(page.clock.now());
      for (const listener of page.onReadings) listener();
    });
  }
  for (const level of watchedLevels) {
    client.subscribe(`${level}/#`, { from: "latest" }, (reading) => page.insights.apply(reading));
  }
}

/** The stream of the server that this page came from. */
export function streamUrl(location: Location): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.host}/stream`;
}
