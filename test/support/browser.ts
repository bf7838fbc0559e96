import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const page = join(import.meta.dirname, "../../dist/dashboard/index.html");

/** A headless Chromium. @throws Error when there is none, or the page was not built */
export function launchBrowser(): Promise<Browser> {
  if (!existsSync(page)) throw new Error("the page is not built: run `npm run build` first");
  return chromium.launch({
    executablePath: process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Software rendering, so that the map's WebGL works on a machine without a graphics card.
      "--use-gl=angle",
      "--use-angle=swiftshader",
      "--enable-unsafe-swiftshader",
    ],
  });
}
