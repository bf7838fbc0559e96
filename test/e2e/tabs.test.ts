import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connectAsync, type MqttClient } from "mqtt";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** A tab that follows `gps/#` and keeps what it was handed. */
interface Tab {
  readonly page: Page;
  sockets: number;
}

/** A page that shares its connection; `window.numbers` are the `n` of all readings, in order. */
function html(httpPort: number): string {
  return `<!doctype html><script type="module">
    import { connect } from "http://localhost:${httpPort}/client.js";
    window.numbers = [];
    window.fieldcast = connect("ws://localhost:${httpPort}/stream", { shareTabs: true });
    window.subscription = fieldcast.subscribe("gps/#", { from: "now" }, ({ values }) => numbers.push(values.n));
  </script>`;
}

async function startWithPage(): Promise<{ gateway: GatewayProcess; device: MqttClient; url: string }> {
  const gateway = new GatewayProcess();
  onTestFinished(() => gateway.dispose());
  const pages = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end(html(gateway.httpPort));
  });
  await new Promise<void>((resolve) => pages.listen(0, "localhost", resolve));
  onTestFinished(() => {
    pages.closeAllConnections();
    pages.close();
  });
  const url = `http://localhost:${(pages.address() as AddressInfo).port}`;
  gateway.settings = [`stream.allowedOrigins=${url}`, "stream.heartbeatMs=1000"];
  await gateway.start();
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  onTestFinished(() => device.endAsync(true));
  return { gateway, device, url };
}

async function openTab(context: BrowserContext, url: string): Promise<Tab> {
  const page = await context.newPage();
  const tab = { page, sockets: 0 };
  page.on("websocket", () => tab.sockets++);
  await page.goto(url);
  await expect.poll(() => read(page, "subscription.cursor"), { timeout: 20_000 }).not.toBeNull();
  return tab;
}

/** What an expression is in the page. */
function read<Result>(page: Page, expression: string): Promise<Result> {
  return page.evaluate(expression) as Promise<Result>;
}

async function socketsAtGateway({ httpPort }: GatewayProcess): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
  return Number(/^fieldcast_stream_connections(?:{[^}]*})? (\d+)$/m.exec(metrics)?.[1]);
}

/** Publishes `n` from `first` on, one by one, until told to stop; tells how far it came. */
function keepPublishing(device: MqttClient, first: number): () => Promise<number> {
  let isOn = true;
  let n = first - 1;
  const publishing = (async () => {
    while (isOn) {
      n++;
      await device.publishAsync("telemetry/gps/van", JSON.stringify({ lat: 1, lon: 2, n }), { qos: 1 });
    }
  })();
  return async () => {
    isOn = false;
    await publishing;
    return n;
  };
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

it.each(["closed", "crashed"])(
  "three tabs share one socket; when the tab that holds it is %s the others miss nothing and see nothing twice",
  async (way) => {
    const { gateway, device, url } = await startWithPage();
    const context = await browser.newContext();
    onTestFinished(() => context.close());
    const holder = await openTab(context, url);
    const others = [await openTab(context, url), await openTab(context, url)];
    expect([holder, ...others].map(({ sockets }) => sockets)).toEqual([1, 0, 0]);
    expect(await socketsAtGateway(gateway)).toBe(1);

    const stop = keepPublishing(device, 1);
    for (const { page } of others)
      await expect.poll(() => read(page, "numbers.length"), { timeout: 20_000 }).toBeGreaterThan(50);
    // A crash is never told to the page, and ends its process.
    if (way === "closed") await holder.page.close();
    else holder.page.goto("chrome://crash").catch(() => {});
    await expect.poll(() => others[0]?.sockets || others[1]?.sockets, { timeout: 30_000 }).toBe(1);
    const before = await read<number>(others[0]?.page as Page, "numbers.length");
    await expect
      .poll(() => read(others[0]?.page as Page, "numbers.length"), { timeout: 20_000 })
      .toBeGreaterThan(before + 50);
    const last = await stop();
    for (const { page } of others) {
      await expect.poll(() => read(page, "numbers.length"), { timeout: 20_000 }).toBe(last);
      expect(await read(page, "numbers")).toEqual(upTo(last));
    }
    expect(others.map(({ sockets }) => sockets).sort()).toEqual([0, 1]);
    await expect.poll(() => socketsAtGateway(gateway), { timeout: 20_000 }).toBe(1);
  },
);

it("a holder that is stuck loses the connection to another, and goes on from where it was when it is free again", async () => {
  const { gateway, device, url } = await startWithPage();
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const tabs = [await openTab(context, url), await openTab(context, url), await openTab(context, url)];
  const [holder, ...others] = tabs as [Tab, Tab, Tab];
  const stop = keepPublishing(device, 1);
  for (const { page } of others) {
    await expect.poll(() => read(page, "numbers.length"), { timeout: 20_000 }).toBeGreaterThan(50);
  }
  // Longer than the others believe in it: 2.5 heartbeats, and up to 4.5 seconds for an answer.
  const stuck = read(holder.page, "{ const end = Date.now() + 15_000; while (Date.now() < end); }");
  await expect.poll(() => others[0].sockets + others[1].sockets, { timeout: 14_000 }).toBe(1);
  await stuck;
  const last = await stop();
  for (const { page } of tabs) {
    await expect.poll(() => read(page, "numbers.length"), { timeout: 30_000 }).toBe(last);
    expect(await read(page, "numbers")).toEqual(upTo(last));
  }
  await expect.poll(() => socketsAtGateway(gateway), { timeout: 20_000 }).toBe(1);
});

it("a tab that opens later, and one that is another user's", async () => {
  const { gateway, url } = await startWithPage();
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  await openTab(context, url);
  const late = await openTab(context, url);
  expect(late.sockets).toBe(0);
  await read(
    late.page,
    `void import("http://localhost:${gateway.httpPort}/client.js").then(({ connect }) => {
    window.other = connect("ws://localhost:${gateway.httpPort}/stream", { shareTabs: "another user" });
  })`,
  );
  await expect.poll(() => socketsAtGateway(gateway), { timeout: 20_000 }).toBe(2);
});
