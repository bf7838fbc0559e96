import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

it("the README's page follows the stream from an origin of its own, as written", async () => {
  const html = /```html\n([\s\S]*?)```/.exec(readme)?.[1] as string;
  const gateway = new GatewayProcess();
  onTestFinished(() => gateway.dispose());
  const pages = createServer((_, response) => {
    const page = html.replaceAll("localhost:8080", `localhost:${gateway.httpPort}`);
    response.writeHead(200, { "content-type": "text/html" }).end(page);
  });
  await new Promise<void>((resolve) => pages.listen(0, "localhost", resolve));
  onTestFinished(() => {
    pages.closeAllConnections();
    pages.close();
  });
  const origin = `http://localhost:${(pages.address() as AddressInfo).port}`;
  gateway.settings = [`stream.allowedOrigins=${origin}`];
  await gateway.start();
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  onTestFinished(() => device.endAsync(true));
  await device.publishAsync("telemetry/gps/van-7", '{"lat":60.1699,"lon":24.9384}', { qos: 1 });
  const browser = await launchBrowser();
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const lines: string[] = [];
  page.on("console", (message) => lines.push(message.text()));
  page.on("pageerror", (error) => lines.push(error.message));
  await page.goto(`${origin}/live.html`);
  await expect.poll(() => lines.join("\n"), { timeout: 20_000 }).toMatch(/^gps\/van-7 .*60\.1699 24\.9384$/m);
  await page.close();
});

it("the README's MQTT client follows the readings, as written", async () => {
  const code = /```js\n(import mqtt from[\s\S]*?)```/.exec(readme)?.[1] as string;
  const gateway = new GatewayProcess();
  onTestFinished(() => gateway.dispose());
  await gateway.start();
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  onTestFinished(() => device.endAsync(true));
  await device.publishAsync("telemetry/gps/van-7", '{"lat":60.1699,"lon":24.9384}', { qos: 1 });
  const here = code.replaceAll("localhost:8080", `127.0.0.1:${gateway.httpPort}`);
  const client = spawn(process.execPath, ["--input-type=module", "--eval", here], {
    cwd: join(import.meta.dirname, "../.."),
  });
  onTestFinished(() => void client.kill("SIGKILL"));
  let output = "";
  for (const stream of [client.stdout, client.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  await expect.poll(() => output, { timeout: 20_000 }).toMatch(/^gps\/van-7 .*60\.1699 24\.9384$/m);
});
