import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { isoTime } from "../../src/model/reading.ts";
import { silentLogger } from "../../src/observe/log.ts";

const start = Date.UTC(2026, 10, 22, 10);
const clock = { time: start, now: () => clock.time };

async function open(dataDir: string, transport: string) {
  const flags = { "mqtt.port": "0", "http.port": "0", dataDir, transport };
  const config = loadConfig({ flags, env: {}, file: null });
  const gateway = await startGateway(config, { logger: silentLogger, clock });
  let isOpen = true;
  const stop = async () => {
    if (isOpen) await gateway.close();
    isOpen = false;
  };
  onTestFinished(stop);
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${gateway.httpPort}${path}`, init);
  const drive = async (device: string, lat: number, time: number) => {
    const client = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`);
    const payload = JSON.stringify({ lat, lon: 25, batteryPct: 50, time: isoTime(time) });
    await client.publishAsync(`telemetry/gps/${device}`, payload, { qos: 1 });
    await client.endAsync();
  };
  return { ask, drive, stop };
}

/** Reads the events of a link as text, until it ends. */
function follow(response: Response) {
  const seen = { text: "", isOver: false };
  const read = async () => {
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
      seen.text += piece.value;
    }
    seen.isOver = true;
  };
  void read();
  return seen;
}

it.each(["uws", "ws"])("a shared way, over a restart and until it ends: %s", async (transport) => {
  clock.time = start;
  const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-shares-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const first = await open(dataDir, transport);
  await first.drive("van-7", 60.1, start - 7_200_000);
  await first.drive("van-7", 60.2, start - 60_000);
  await first.drive("van-8", 50.1, start - 60_000);
  const made = await first.ask("/api/v1/shares?device=van-7&from=-1h&expiresIn=1h", { method: "POST" });
  const { token } = (await made.json()) as { token: string };
  await first.stop();
  const kept = ["log.db", "log.db-wal"].map((name) => {
    try {
      return readFileSync(join(dataDir, name)).toString("latin1");
    } catch {
      return "";
    }
  });
  expect(kept.join("").includes(token)).toBe(false);

  const { ask, drive } = await open(dataDir, transport);
  const link = `/share/${token}`;
  const info = await ask(`${link}/info`);
  expect([info.status, info.headers.get("x-robots-tag"), info.headers.get("cache-control")]).toEqual([
    200,
    "noindex, nofollow, noarchive",
    "no-store",
  ]);

  const events = await ask(`${link}/events`);
  const seen = follow(events);
  await expect.poll(() => seen.text).toContain("60.2");
  await drive("van-8", 50.2, start);
  await drive("van-7", 60.3, start);
  // A late upload from before the beginning.
  await drive("van-7", 60.15, start - 5_400_000);
  await drive("van-7", 60.4, start + 1_000);
  await expect.poll(() => seen.text).toContain("60.4");
  for (const hidden of ["60.1,", "60.15", "50.1", "50.2", "van-8", "batteryPct"]) {
    expect(seen.text).not.toContain(hidden);
  }
  // Nor does a place of long ago in the log tell more.
  const epoch = /id: (\w+):/.exec(seen.text)?.[1];
  const again = follow(await ask(`${link}/events`, { headers: { "last-event-id": `${epoch}:0` } }));
  await expect.poll(() => again.text).toContain("60.4");
  for (const hidden of ["60.1,", "60.15", "van-8", "batteryPct"]) expect(again.text).not.toContain(hidden);

  clock.time = start + 3_600_000;
  await expect.poll(() => [seen.isOver, again.isOver]).toEqual([true, true]);
  expect(seen.text).toMatch(/event: ended\ndata: {}\n\n$/);
  const over = await ask(`${link}/events`);
  expect([over.status, await over.json()]).toEqual([410, { error: expect.stringContaining("ended at") }]);
  for (const path of ["", "/info", "/track.gpx"]) expect((await ask(`${link}${path}`)).status).toBe(410);
});
