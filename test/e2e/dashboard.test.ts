import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { domains } from "../../src/model/reading.ts";
import { launchBrowser } from "../support/browser.ts";
import { freePort } from "../support/free-port.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

const simulatorFolder = join(import.meta.dirname, "../../dist/firmware-sim");
const opened: { dispose(): unknown }[] = [];
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.dispose();
});
afterAll(() => browser.close());

function run(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [join(simulatorFolder, script), ...args], {
    env: { ...process.env, ...env },
    stdio: "ignore",
  });
  opened.push({ dispose: () => child.kill("SIGKILL") });
  return child;
}

/** Opens the page and notes what must never happen on it. */
async function openPage(port: number): Promise<{ page: Page; faults: string[] }> {
  const origin = `http://127.0.0.1:${port}`;
  const page = await browser.newPage();
  opened.push({ dispose: () => page.close() });
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith("http") && host !== `127.0.0.1:${port}`)
      faults.push(`asked elsewhere: ${request.url()}`);
  });
  await page.goto(`${origin}/`);
  return { page, faults };
}

/** How many readings each domain's panel has shown so far. */
function updates(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() => {
    const panels = [...document.querySelectorAll<HTMLElement>("[data-domain]")];
    return Object.fromEntries(panels.map(({ dataset }) => [dataset["domain"], Number(dataset["updates"])]));
  });
}

/** Waits until every domain has shown more readings than `before`. */
async function untilAllMoved(page: Page, before: Record<string, number>): Promise<Record<string, number>> {
  const moved = async () => {
    const now = await updates(page);
    return domains.filter((domain) => (now[domain] ?? 0) > (before[domain] ?? 0));
  };
  await expect.poll(moved, { timeout: 60_000, interval: 200 }).toEqual([...domains]);
  return updates(page);
}

function connection(page: Page): Promise<string | undefined> {
  return page.evaluate(() => document.querySelector<HTMLElement>("[data-connection]")?.dataset["connection"]);
}

it("the demo shows all five domains moving, and Ctrl-C ends it cleanly", async () => {
  const [mqttPort, httpPort] = [await freePort(), await freePort()];
  const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-demo-"));
  opened.push({ dispose: () => rmSync(dataDir, { recursive: true, force: true }) });
  const demo = run("demo.js", [], {
    FIELDCAST_MQTT_PORT: String(mqttPort),
    FIELDCAST_HTTP_PORT: String(httpPort),
    FIELDCAST_DATA_DIR: dataDir,
  });
  const ended = new Promise<number | null>((resolve) => demo.once("exit", resolve));
  const ready = async () => (await fetch(`http://127.0.0.1:${httpPort}/readyz`).catch(() => null))?.status;
  await expect.poll(ready, { timeout: 30_000, interval: 100 }).toBe(200);
  const { page, faults } = await openPage(httpPort);
  const first = await untilAllMoved(page, {});
  await untilAllMoved(page, first);
  expect(await connection(page)).toBe("live");
  expect(faults).toEqual([]);
  demo.kill("SIGINT");
  expect(await ended).toBe(0);
  expect(await ready()).toBeUndefined();
});

it("fits small phones with large totals, and claims no rate when the gateway is gone", async () => {
  const gateway = new GatewayProcess();
  opened.push(gateway);
  await gateway.start();
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  opened.push({ dispose: () => device.endAsync(true) });
  const { page } = await openPage(gateway.httpPort);
  await expect.poll(() => connection(page)).toBe("live");
  const payload = JSON.stringify({ powerW: -1_234_567_890, energyImportWh: 1e14 });
  const count = 10_000;
  const publishing = Array.from({ length: count }, (_, n) =>
    device.publishAsync(`telemetry/energy/building-with-a-long-name-${n}`, payload, { qos: 1 }),
  );
  const header = () => page.evaluate(() => document.querySelector<HTMLElement>(".header")?.innerText ?? "");
  await Promise.all(publishing);
  await expect.poll(header, { timeout: 20_000, interval: 50 }).toMatch(/10,000\s*devices/);
  expect(await header()).toMatch(/\d\s*(readings)?\/s/);
  const widths = [320, 360, 390, 411];
  expect(await overflows(page, widths)).toEqual([]);
  await gateway.kill();
  await expect.poll(() => connection(page), { timeout: 30_000, interval: 50 }).toBe("reconnecting");
  expect(await header()).toMatch(/–\s*(readings)?\/s/);
  expect(await overflows(page, widths)).toEqual([]);
  await expect.poll(() => connection(page), { timeout: 30_000, interval: 100 }).toBe("offline");
  expect(await header()).toMatch(/Offline since .*–\s*\/s/s);
  expect(await overflows(page, widths)).toEqual([]);
});

it("a card shows the last hour, of which the page itself saw nothing", async () => {
  const gateway = new GatewayProcess();
  opened.push(gateway);
  await gateway.start();
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  opened.push({ dispose: () => device.endAsync(true) });
  const now = Date.now();
  for (const [minutesAgo, speedKmh] of [
    [50, 20],
    [45, 80],
    [40, 35],
  ] as const) {
    const time = new Date(now - minutesAgo * 60_000).toISOString();
    const payload = JSON.stringify({ lat: 60.17, lon: 24.94, speedKmh, time });
    await device.publishAsync("telemetry/gps/van-7", payload, { qos: 1 });
  }
  const { page, faults } = await openPage(gateway.httpPort);
  await page.click('li[data-topic="gps/van-7"] button');
  const caption = () => page.textContent(".card-hour figcaption", { timeout: 1_000 }).catch(() => null);
  await expect.poll(caption, { timeout: 20_000 }).toMatch(/last hour.*20 to 80 km\/h/);
  expect(faults).toEqual([]);
});

/** What reaches over the edge of the page at each width. */
async function overflows(page: Page, widths: readonly number[]): Promise<string[]> {
  const found: string[] = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: 740 });
    const names = await page.evaluate((limit) => {
      const parts = [...document.querySelectorAll("header *")].filter((part) => {
        const { left, right } = part.getBoundingClientRect();
        return left < 0 || right > limit;
      });
      const { scrollWidth } = document.documentElement;
      return [
        ...(scrollWidth > limit ? [`the page is ${scrollWidth} px wide`] : []),
        ...parts.map((part) => `${part.tagName} ${part.className}`),
      ];
    }, width);
    found.push(...names.map((name) => `${width}: ${name}`));
  }
  return found;
}

it.each(["kill -9", "SIGTERM"])(
  "the page goes on by itself after the gateway was restarted under it (%s)",
  async (way) => {
    const gateway = new GatewayProcess();
    opened.push(gateway);
    await gateway.start();
    run("main.js", ["--url", `mqtt://127.0.0.1:${gateway.mqttPort}`, "--interval", "500"]);
    const { page, faults } = await openPage(gateway.httpPort);
    const before = await untilAllMoved(page, {});
    if (way === "SIGTERM") expect(await gateway.stop()).toBe(0);
    else await gateway.kill();
    await expect.poll(() => connection(page), { timeout: 30_000, interval: 50 }).not.toBe("live");
    await gateway.start();
    await expect.poll(() => connection(page), { timeout: 30_000, interval: 100 }).toBe("live");
    await untilAllMoved(page, before);
    expect(faults).toEqual([]);
  },
);
