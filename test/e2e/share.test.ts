import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

it("a link's page shows the way live, asks for nothing else, and says when it was taken back", async () => {
  const gateway = new GatewayProcess(["ring.engine=memory"]);
  onTestFinished(() => gateway.dispose());
  await gateway.start();
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  onTestFinished(() => device.endAsync());
  const drive = (lat: number) =>
    device.publishAsync("telemetry/gps/van-7", JSON.stringify({ lat, lon: 24.94 }), { qos: 1 });
  await drive(60.17);
  const origin = `http://127.0.0.1:${gateway.httpPort}`;
  const made = await fetch(`${origin}/api/v1/shares?device=van-7`, { method: "POST" });
  const { id, url } = (await made.json()) as { id: number; url: string };
  expect(url.startsWith(`${origin}/share/`)).toBe(true);

  const page = await browser.newPage();
  const asked: string[] = [];
  const faults: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(url);
  await expect.poll(() => page.textContent("#state")).toMatch(/^Live until/);
  expect(await page.isVisible("#files")).toBe(true);
  await drive(60.18);
  await expect.poll(() => page.textContent("#position"), { timeout: 10_000 }).toContain("60.18000, 24.94000");
  expect(asked.filter((one) => !one.startsWith(`${origin}/share/`))).toEqual([]);

  await fetch(`${origin}/api/v1/shares/${id}`, { method: "DELETE" });
  await expect.poll(() => page.textContent("#state"), { timeout: 10_000 }).toMatch(/^This link has ended/);
  expect(await page.isHidden("#files")).toBe(true);
  expect((await page.goto(url))?.status()).toBe(410);
  expect(faults).toEqual([]);
});
