import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Message } from "../../firmware-sim/device.ts";
import { createFleet } from "../../firmware-sim/fleet.ts";
import { writeTimetable } from "../../firmware-sim/timetable.ts";
import { domains, type Values } from "../../src/model/reading.ts";
import { launchBrowser } from "../support/browser.ts";
import { lowContrast } from "../support/contrast.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

const demoConfig = join(import.meta.dirname, "../../config/demo.yaml");
const waiting = { timeout: 20_000, interval: 100 };
const minuteMs = 60_000;

let browser: Browser;
let gateway: GatewayProcess;
let page: Page;
/** When the last reading of the city came, epoch milliseconds. */
let publishedAt = 0;
const faults: string[] = [];
const folder = mkdtempSync(join(tmpdir(), "fieldcast-views-"));

/** Four minutes of the demo's city, and of its house's meters a day before; each message tells its own time. */
function cityMessages(): Message[] {
  const startTime = Date.now() - 4 * minuteMs;
  const fleet = createFleet({ seed: 1, startTime, domains, jamEveryMs: 6 * minuteMs });
  const isMeter = /"time":"([^"]+)"/;
  const messages = fleet.past().filter(({ topic, payload }) => {
    const time = isMeter.exec(payload)?.[1];
    const isRecent = time !== undefined && startTime - Date.parse(time) < 26 * 60 * minuteMs;
    return topic.startsWith("fares/") || isRecent;
  });
  while (fleet.time < Date.now()) messages.push(...fleet.step());
  return messages;
}

async function publish(messages: readonly Message[]): Promise<void> {
  const client = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  await Promise.all(messages.map(({ topic, payload }) => client.publishAsync(topic, payload, { qos: 1 })));
  await client.endAsync();
}

beforeAll(async () => {
  browser = await launchBrowser();
  gateway = new GatewayProcess();
  gateway.env = {
    FIELDCAST_CONFIG: demoConfig,
    FIELDCAST_INSIGHTS_TRANSIT_GTFS: writeTimetable(folder),
    // Some bus is always late by that.
    FIELDCAST_INSIGHTS_TRANSIT_DELAY_NOTICE_S: "1",
  };
  await gateway.start();
  await publish(cityMessages());
  publishedAt = Date.now();
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, colorScheme: "light" });
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(`http://127.0.0.1:${gateway.httpPort}/`);
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await gateway?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

interface Shown {
  readonly topic: string;
  readonly values: Values;
}

/** What the gateway says that topics show. */
async function latest(query: string): Promise<Shown[]> {
  const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/api/v1/latest?${query}`);
  return ((await response.json()) as { readings: Shown[] }).readings;
}

async function open(view: string): Promise<void> {
  await page.click(`.navigation a[href="#${view}"]`);
  await page.waitForSelector(`.navigation a[href="#${view}"][aria-current=page]`);
}

/** The words of what a selector finds, one text each. */
function texts(selector: string): Promise<string[]> {
  return page.locator(selector).allInnerTexts();
}

async function untilShown(selector: string, words: RegExp): Promise<void> {
  const found = async () => (await texts(selector)).join("\n").replace(/\s+/g, " ");
  await expect.poll(found, waiting).toMatch(words);
}

describe.sequential("the views of a city", () => {
  it("roads: routes with the best one now, and every segment with its level in words", async () => {
    await open("roads");
    await untilShown("[aria-label=Routes] li", /to-the-harbour.*take east-by-(ring|town)/);
    await untilShown("[aria-label=Routes] tr.best", /best now.*\d+ min \d\d s/);
    await untilShown("tr[data-segment='ring/east']", /(free|heavy|slow|queuing|stationary) \d+ km\/h/);
    await untilShown("section[aria-label=Jams]", /since \d\d:\d\d|No traffic jams|to \d\d:\d\d/);
  });

  it("transit: the board of a stop that was chosen, and the lines", async () => {
    await open("transit");
    await untilShown("tr[data-line]", /550/);
    const stops = page.locator("select[aria-label=Stop]");
    const wanted = await stops
      .locator("option", { hasText: /\(\d+\)/ })
      .last()
      .getAttribute("value");
    await stops.selectOption(wanted);
    await expect.poll(() => page.url()).toContain(`#transit/${wanted}`);
    await untilShown("tr[data-call]", /\d\d:\d\d \d\d:\d\d (in \d+ min|due|at the stop|left)/);
  });

  it("tracking: trips of the device that is chosen, and fences with who is inside", async () => {
    await open("tracking");
    await untilShown("section[aria-label=Devices] tbody", /city\/van-1 (moving|stopped)/);
    const isTrip = ({ topic }: { topic: string }) => /^trips\/(?!transit).*\/trip$/.test(topic);
    await expect.poll(async () => (await latest("filter=trips/%23")).some(isTrip), waiting).toBe(true);
    const traveller = (await latest("filter=trips/%23"))
      .find(isTrip)
      ?.topic.slice("trips/".length, -"/trip".length);
    await page.click(`section[aria-label=Devices] a:text-is('${traveller}')`);
    await untilShown("section[aria-label='Trips and stops'] tbody", /trip \d\d:\d\d – \d\d:\d\d/);
    expect(await texts(".card h2")).toEqual([traveller]);
    await page.keyboard.press("Escape");
    await untilShown("[data-fence=west]", /west/);
  });

  it("tracking: where a device is can be shared by a link, and the link taken back", async () => {
    const device = "section[aria-label=Devices] a:text-is('city/van-1')";
    await page.click(device);
    await page.click(".card button:text-is('Share where it is…')");
    await page.selectOption("dialog select[name=span]", "8h");
    await page.keyboard.press("Tab");
    await page.click("dialog button:text-is('Make the link')");
    const url = await page.inputValue("dialog .made-link");
    await page.click("dialog button:text-is('Copy the link')");
    await untilShown("dialog [role=status]", /Copied|Ctrl\+C/);
    expect((await fetch(url)).status).toBe(200);
    await page.keyboard.press("Escape");
    await expect.poll(() => page.locator("dialog").count(), waiting).toBe(0);
    expect(await texts(".card h2")).toEqual(["city/van-1"]);
    await page.keyboard.press("Escape");
    await untilShown("[data-share='gps/city/van-1']", /city\/van-1 until .*\d\d:\d\d/);
    await page.click("[aria-label='Take back the link to city/van-1']");
    await untilShown("section[aria-label='Shared links']", /shows nothing any more/);
    expect(await page.locator("[data-share]").count()).toBe(0);
    expect((await fetch(url)).status).toBe(410);
  });

  it("tracking: who drives too fast", async () => {
    await open("tracking");
    await untilShown("section[aria-label=Speeding] li", /\d+ km\/h where 60 are allowed/);
  });

  it("energy: the day's bars with the gap of the meter's outage, and what it costs", async () => {
    await open("energy");
    await page.selectOption("select[aria-label='Whose use']", "sites/house");
    await untilShown(".figures", /Cost today €\d/);
    await untilShown("section[aria-label=Use]", /Hours and days are those of Europe\/Helsinki \(GMT\+[23]\)/);
    const gaps = () => page.locator(".chart g[data-gap=true], .chart > svg > .chart-gap").count();
    await expect.poll(() => page.locator(".chart-import").count(), waiting).toBeGreaterThan(15);
    expect(await gaps()).toBeGreaterThan(0);
    await page.click("button:text-is('Quarter-hours')");
    await expect.poll(() => page.locator(".chart-import").count(), waiting).toBeGreaterThan(30);
  });

  it("fares: the price of each route in its typical band, and the watches", async () => {
    await open("fares");
    await untilShown("li.fare", /HEL → ARN .*€\d+\.\d\d.*(low|typical|high)/);
    await untilShown(
      "[data-watch=stockholm]",
      /(armed|fired) stockholm HEL → ARN: waits for a price below €89\.00/,
    );
    expect(await page.locator(".range-band").count()).toBeGreaterThan(3);
    await untilShown("[data-watch=london]", /waits for a drop by 8 % at .*: €\d+\.\d\d; .*the highest/);
    expect(await page.locator("[data-watch=london] button").count()).toBe(0);
  });

  it("fares: a price is watched from the page, with the gateway's reason where it cannot be, and no more", async () => {
    await page.click("button:text-is('Watch a price')");
    await page.fill("dialog [name=name]", "weekend");
    await page.fill("dialog [name=amount]", "119.999");
    await page.keyboard.press("Enter");
    await untilShown("dialog [role=alert]", /below: EUR has 2 decimals, 119.999 has more/);
    await page.fill("dialog [name=amount]", "9999");
    await page.keyboard.press("Enter");
    await untilShown(
      "[data-watch=weekend]",
      /fired weekend .* → .*: waits for a price below €9,999\.00 at .*: €\d+/,
    );
    expect(await page.locator("dialog").count()).toBe(0);
    await page.click("[aria-label='Remove the watch weekend']");
    await untilShown("section[aria-label=Watches] [role=status]", /weekend is watched no more/);
    await expect.poll(() => page.locator("[data-watch=weekend]").count(), waiting).toBe(0);
  });

  it("alerts: one is acknowledged by a person who is asked once for the name", async () => {
    await open("alerts");
    const battery = "[data-topic='alerts/rules/battery/gps/city/phone-6']";
    await untilShown(`${battery}[data-state=firing]`, /warning The battery runs low/);
    const firing = () => page.getAttribute(".badge", "data-count").then(Number);
    await expect.poll(firing, waiting).toBe(await page.locator(".alert[data-state=firing]").count());
    await page.click(`${battery} button`);
    await page.keyboard.type("Anna");
    await page.keyboard.press("Enter");
    await untilShown(`${battery}[data-state=acknowledged]`, /known to Anna/);
    await untilShown(".view-note", /You acknowledge as Anna/);
  });

  it("alerts: those that other insights make are acknowledged in the same way", async () => {
    const notice = page.locator(".alert[data-topic^='alerts/transit/'][data-state=firing]").first();
    const topic = await notice.getAttribute("data-topic", waiting);
    await notice.locator("button").click();
    await untilShown(`[data-topic='${topic}']`, /known to Anna/);
  });

  it("the map has the roads in the colours of their levels, fences, lines and stops, each in the views about them", async () => {
    const levels = ["#3fae5a", "#e3b505", "#f08c00", "#e03131", "#7d1128", "#8a96a1"];
    /** Pixels of the layer of places: of a congestion level, and any. */
    const drawn = () =>
      page.evaluate((levels) => {
        const canvas = document.querySelector<HTMLCanvasElement>(".map canvas.overlay");
        const { width = 1, height = 1 } = canvas ?? {};
        const pixels = canvas?.getContext("2d")?.getImageData(0, 0, width, height).data ?? [];
        const counts = { ofLevel: 0, any: 0 };
        for (let at = 0; at < pixels.length; at += 4) {
          if (pixels[at + 3] === 0) continue;
          counts.any++;
          const hex = [0, 1, 2]
            .map((part) => (pixels[at + part] ?? 0).toString(16).padStart(2, "0"))
            .join("");
          if (levels.includes(`#${hex}`)) counts.ofLevel++;
        }
        return counts;
      }, levels);
    await open("roads");
    await page.click("[aria-label='Show all devices']");
    await expect.poll(async () => (await drawn()).ofLevel, waiting).toBeGreaterThan(500);
    for (const view of ["tracking", "transit"]) {
      await open(view);
      await expect.poll(async () => (await drawn()).ofLevel, waiting).toBe(0);
      await expect.poll(async () => (await drawn()).any, waiting).toBeGreaterThan(500);
    }
    await open("fares");
    await expect.poll(async () => (await drawn()).any, waiting).toBe(0);
  });

  it("the time line shows all of it as it was, plays it, and comes back to the present", async () => {
    await open("devices");
    const shownTime = () => page.getAttribute(".timebar-now", "data-time").then(Number);
    const mode = () => page.getAttribute(".timebar", "data-mode");
    await page.focus(".timebar input");
    const wanted = publishedAt - minuteMs;
    await page.keyboard.press("ArrowLeft");
    while ((await shownTime()) > wanted) await page.keyboard.press("ArrowLeft");
    expect(await mode()).toBe("paused");
    await untilShown(".timebar-now", /^As of \d\d:\d\d:\d\d$/);
    const differing = async () => {
      const then = new Date(await shownTime()).toISOString();
      const shown = await texts("[data-domain=gps] li");
      expect(shown.length).toBeGreaterThan(2);
      const told = await latest(`filter=gps/%23&at=${then}`);
      return shown.flatMap((row) => {
        const [name = "", speedKmh] = row.replaceAll(/\s+/g, " ").split(" ");
        const { values = {} } = told.find(({ topic }) => topic === `gps/${name}`) ?? {};
        const wanted = Math.round(Number(values["speedKmh"]));
        return Number(speedKmh) === wanted ? [] : [`${row}, and not ${wanted} as at ${then}`];
      });
    };
    await expect.poll(differing, waiting).toEqual([]);
    await open("alerts");
    expect(await page.locator(".alert[data-state=acknowledged]").count()).toBe(0);
    expect(await page.locator(".alert[data-state=firing] button:enabled").count()).toBe(0);
    await page.click("[aria-label=Speed] button:text-is('×100')");
    await page.click("[aria-label='Play from here']");
    await expect.poll(mode, waiting).toBe("live");
    await expect.poll(() => page.locator(".alert[data-state=acknowledged]").count(), waiting).toBe(2);
  });

  it("fits phones and desktops, in colours that can be read", async () => {
    const found: string[] = [];
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      for (const view of ["devices", "alerts", "roads", "transit", "tracking", "energy", "fares"]) {
        await open(view);
        const low = await lowContrast(page);
        found.push(...low.map((words) => `${scheme} ${view}: ${words}`));
      }
    }
    for (const width of [320, 390, 800, 1440]) {
      await page.setViewportSize({ width, height: 844 });
      for (const view of ["devices", "alerts", "roads", "transit", "tracking", "energy", "fares"]) {
        await open(view);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (wide > 0) found.push(`${view} at ${width} px: ${wide} px too wide`);
      }
    }
    expect(found).toEqual([]);
    expect(faults).toEqual([]);
  });
});
