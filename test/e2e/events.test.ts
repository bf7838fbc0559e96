import { connectAsync } from "mqtt";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser?.close());

interface Seen {
  readonly seq: number;
  readonly values: { readonly n: number };
}

/** Runs in the page: follows with the browser's own EventSource and keeps what came. */
function startFollowing(): void {
  const seen: Seen[] = [];
  const source = new EventSource("/api/v1/events?filter=gps/%23&from=now");
  source.addEventListener("readings", ({ data }) => {
    seen.push(...(JSON.parse(data) as { readings: Seen[] }).readings);
  });
  const isOpen = () => source.readyState === EventSource.OPEN;
  Object.assign(globalThis, { seen, isOpen });
}

it.each(["uws", "ws"])(
  "over the %s transport a browser's EventSource resumes by itself after kill -9, once and in order",
  async (transport) => {
    const gateway = new GatewayProcess([`transport=${transport}`, "stream.heartbeatMs=300"]);
    onTestFinished(() => gateway.dispose());
    await gateway.start();
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await page.goto(`http://127.0.0.1:${gateway.httpPort}/`);
    await page.evaluate(startFollowing);
    const isOpen = () => page.evaluate("isOpen()");
    const seen = () => page.evaluate<Seen[]>("seen");
    let published = 0;
    const publish = async (count: number, kind = "gps") => {
      const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
      for (let k = 0; k < count; k++) {
        const payload = kind === "gps" ? { lat: 60.17, lon: 24.94, n: published++ } : { powerW: k };
        await device.publishAsync(`telemetry/${kind}/one`, JSON.stringify(payload), { qos: 1 });
      }
      await device.endAsync();
    };
    await expect.poll(isOpen, { timeout: 20_000 }).toBe(true);
    await publish(50);
    await expect.poll(async () => (await seen()).length, { timeout: 20_000 }).toBe(50);
    for (let round = 0; round < 3; round++) {
      await gateway.kill();
      await gateway.start();
      // The page has not noticed yet, or waits: these are in the log only.
      await publish(50);
    }
    // Nothing matches for a while, then the gateway is told to stop: the place moves on with heartbeats alone.
    await publish(20, "energy");
    await expect.poll(async () => (await seen()).length, { timeout: 30_000 }).toBe(200);
    expect(await gateway.stop()).toBe(0);
    await gateway.start();
    await publish(30);
    await expect.poll(async () => (await seen()).length, { timeout: 30_000 }).toBe(230);
    const all = await seen();
    expect(all.map(({ values }) => values.n)).toEqual([...Array(230).keys()]);
    const seqs = all.map(({ seq }) => seq);
    expect(seqs).toEqual(seqs.toSorted((one, other) => one - other));
  },
);
