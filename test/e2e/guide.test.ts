import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync, type MqttClient } from "mqtt";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { build, transformWithOxc } from "vite";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { GatewayProcess } from "../support/gateway-process.ts";

const root = join(import.meta.dirname, "../..");
const guide = readFileSync(join(root, "src/client/GUIDE.md"), "utf8");

/** Within the package, so that `fieldcast/client` is the package itself, as it is for whoever installed it. */
const folder = join(root, "dist/guide");

interface Example {
  readonly title: string;
  readonly code: string;
  readonly file: string;
}

const examples: readonly Example[] = guide
  .split(/^## /m)
  .slice(1)
  .flatMap((section, index) => {
    const [, kind, code] = /```(tsx?)\n([\s\S]*?)```/.exec(section) ?? [];
    const title = section.slice(0, section.indexOf("\n"));
    return code === undefined ? [] : [{ title, code, file: `example-${index + 1}.${kind}` }];
  });

const gateway = new GatewayProcess();
const pages = new Map<string, string>();
let server: Server;
let origin = "";
let device: MqttClient;
let browser: Browser;

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  server = createServer((request, response) => {
    const html = pages.get(request.url ?? "");
    response.writeHead(200, { "content-type": "text/html" }).end(html ?? "a-token");
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  gateway.settings = [`stream.allowedOrigins=${origin}`, "commands.allow=gps/#"];
  await gateway.start();
  for (const { file, code } of examples) writeFileSync(join(folder, file), onOurPort(code));
  device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser.close();
  await device.endAsync(true);
  await gateway.dispose();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function onOurPort(code: string): string {
  return code.replaceAll("localhost:8080", `localhost:${gateway.httpPort}`);
}

function exampleOf(title: string): Example {
  const example = examples.find((one) => one.title === title);
  if (!example) throw new Error(`the guide has no example under ${title}`);
  return example;
}

function publish(topic: string, values: object): Promise<unknown> {
  return device.publishAsync(`telemetry/${topic}`, JSON.stringify(values), { qos: 1 });
}

/** Builds an example as an application would be built, and opens it in a page with what its comments say. */
async function open(title: string, options: BrowserContextOptions = {}): Promise<Page> {
  const { code, file } = exampleOf(title);
  const built = await build({
    configFile: false,
    logLevel: "error",
    root: folder,
    resolve: {
      alias: [
        { find: "fieldcast/client", replacement: join(root, "src/client/client.ts") },
        { find: "react-dom/client", replacement: "preact/compat/client" },
        { find: /^react$/, replacement: "preact/compat" },
      ],
    },
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: { write: false, lib: { entry: join(folder, file), formats: ["es"], fileName: "example" } },
  });
  const [bundle] = [built].flat();
  if (!bundle || !("output" in bundle)) throw new Error("the build gave nothing");
  const body = code.split("\n").flatMap((line) => (line.startsWith("// <") ? [line.slice(3)] : []));
  const script = bundle.output[0].code.replaceAll("</script", "<\\/script");
  const html = `<!doctype html><meta charset="utf-8">${body.join("\n")}<script type="module">${script}</script>`;
  pages.set(`/${file}`, html);
  const context = await browser.newContext(options);
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.on("pageerror", (error) => expect.unreachable(`${title}: ${error.message}`));
  await page.goto(`${origin}/${file}`);
  return page;
}

/** Waits until an expression in the page is as a test wants it. */
function eventually(page: Page, expression: string) {
  return expect.poll(() => page.evaluate(expression), { timeout: 20_000, message: expression });
}

function text(page: Page, selector: string) {
  return eventually(page, `document.querySelector(${JSON.stringify(selector)}).textContent`);
}

it("the examples compile", () => {
  expect(examples.length).toBe(9);
  const options = {
    extends: "../../tsconfig.json",
    compilerOptions: {
      lib: ["ES2023", "DOM", "DOM.Iterable"],
      rootDir: "../..",
      noEmit: true,
      jsx: "react-jsx",
      jsxImportSource: "preact",
      paths: {
        react: ["../../node_modules/preact/compat/src/index.d.ts"],
        "react-dom/client": ["../../node_modules/preact/compat/client.d.ts"],
      },
    },
    include: [],
    files: examples.map(({ file }) => file),
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  const { stdout } = spawnSync("npx", ["tsc", "-p", folder], { cwd: root, encoding: "utf8" });
  expect(stdout).toBe("");
});

it("a live map draws what is in its box", async () => {
  await publish("gps/map-1", { lat: 60.2, lon: 24.95 });
  const page = await open("A live map");
  const painted = `document.querySelector("#map").getContext("2d").getImageData(310, 190, 20, 20).data.some(Boolean)`;
  await eventually(page, painted).toBe(true);
});

it("a table shows values and their ages", async () => {
  await publish("energy/plug-1", { powerW: 412 });
  const page = await open("A table with ages");
  await text(page, "#rows").toMatch(/energy\/plug-1412 W\d+ s ago/);
  await publish("energy/plug-1", { powerW: 7 });
  await text(page, "#rows").toMatch(/energy\/plug-17 W[01] s ago/);
});

it("a chart begins with the last values and goes on live", async () => {
  const start = Date.now() - 500_000;
  for (let n = 1; n <= 120; n++) {
    await publish("energy/meter-1", { powerW: n, time: new Date(start + n * 1_000).toISOString() });
  }
  const page = await open("A chart of the last 100 values");
  const count = `(document.querySelector("#line").getAttribute("points") ?? "").split(" ").length`;
  await eventually(page, count).toBe(100);
  const last = `document.querySelector("#line").getAttribute("points").split(" ").at(-1)`;
  await eventually(page, last).toBe("594,0");
  await publish("energy/meter-1", { powerW: 60 });
  await eventually(page, last).toBe("594,50");
});

it("a slider moves the fleet through time", async () => {
  // One instant for all: opening the page may take seconds.
  const start = Date.now();
  const at = (secondsAgo: number) => new Date(start - secondsAgo * 1_000).toISOString();
  await publish("gps/past", { lat: 1, lon: 1, time: at(1_800) });
  await publish("gps/past", { lat: 2, lon: 2, time: at(900) });
  await publish("gps/past", { lat: 3, lon: 3, time: at(0) });
  const page = await open("Time travel with a slider");
  await text(page, "#fleet").toContain("gps/past 2 2");
  await text(page, "#state").toBe("paused");
  await page.locator("#when").fill(String(start - 1_200_000));
  await text(page, "#fleet").toContain("gps/past 1 1");
  await page.locator("#when").fill(String(start - 2_000));
  await text(page, "#fleet").toContain("gps/past 2 2");
  await page.locator("#play").click();
  await text(page, "#fleet").toContain("gps/past 3 3");
  await page.locator("#live").click();
  await text(page, "#state").toBe("live");
});

it("a phone publishes where it is", async () => {
  const page = await open("A phone as a tracker", {
    geolocation: { latitude: 60.5, longitude: 24.5, accuracy: 9 },
    permissions: ["geolocation"],
  });
  await text(page, "#status").toBe("stored");
});

it("a command is answered by the device", async () => {
  await device.subscribeAsync("command/gps/van-7", { qos: 1 });
  device.on("message", (topic, payload) => {
    if (topic !== "command/gps/van-7") return;
    const { id, answerTo } = JSON.parse(String(payload)) as { id: string; answerTo: string };
    device.publish(answerTo, JSON.stringify({ id, ok: true, result: "van 7" }), { qos: 1 });
  });
  const page = await open("A command to a device");
  await page.locator("#identify").click();
  await text(page, "#answer").toBe('"van 7"');
});

it("tabs count with one connection and a token from the server", async () => {
  const page = await open("Many tabs, one connection, a token that expires");
  await text(page, "#connection").toBe("online");
  await publish("gps/count", { lat: 0, lon: 0 });
  await text(page, "#count").not.toBe("0");
});

it("a collector goes on where it ended", async () => {
  const { code, file } = exampleOf("A collector in Node.js");
  const script = join(folder, "collector.mjs");
  writeFileSync(script, (await transformWithOxc(onOurPort(code), file)).code);
  const cwd = mkdtempSync(join(tmpdir(), "fieldcast-guide-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const collected = () => {
    const lines = readFileSync(join(cwd, "readings.jsonl"), { encoding: "utf8", flag: "a+" }).split("\n");
    return lines.filter((line) => line.includes('"gps/collected"')).map((line) => JSON.parse(line).values.n);
  };
  const run = () => {
    const child = spawn(process.execPath, [script], { cwd, stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    return child;
  };
  await publish("gps/collected", { lat: 0, lon: 0, n: 1 });
  const first = run();
  await expect.poll(collected, { timeout: 20_000 }).toEqual([1]);
  await publish("gps/collected", { lat: 0, lon: 0, n: 2 });
  await expect.poll(collected, { timeout: 20_000 }).toEqual([1, 2]);
  const ended = new Promise((resolve) => first.once("exit", resolve));
  first.kill("SIGTERM");
  await ended;
  for (const n of [3, 4]) await publish("gps/collected", { lat: 0, lon: 0, n });
  run();
  await expect.poll(collected, { timeout: 20_000 }).toEqual([1, 2, 3, 4]);
});

it("a React component shows the latest", async () => {
  const page = await open("A React hook");
  await publish("gps/react", { lat: 0, lon: 0, speedKmh: 31.5 });
  await text(page, "#root").toContain("gps/react: 31.5 km/h");
  await publish("gps/react", { lat: 0, lon: 0, speedKmh: 32 });
  await text(page, "#root").toContain("gps/react: 32 km/h");
});
