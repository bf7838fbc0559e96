import { beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { MemoryEngine } from "../../src/log/engines/memory.ts";
import { randomEpoch } from "../../src/log/epoch.ts";
import { openLog } from "../../src/log/log.ts";
import { defaultLogOptions, defaultRingOptions } from "../../src/log/options.ts";
import { isoTime } from "../../src/model/reading.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { append, gpsReading } from "../support/log.ts";
import { type Api, openApi, textOf } from "./api.ts";

const start = Date.UTC(2026, 10, 22, 10);
const hourMs = 3_600_000;
const clock = { time: start, now: () => clock.time };

let log: Log;
let api: Api;

beforeEach(async () => {
  clock.time = start;
  const engine = new MemoryEngine(defaultRingOptions, randomEpoch);
  log = await openLog(engine, { ...defaultLogOptions, gatherMs: 0 }, clock, silentLogger);
  api = openApi(log);
  await append(log, gpsReading("van-7", { lat: 60.1, batteryPct: 80 }, start - hourMs));
  await append(log, gpsReading("van-7", { lat: 60.2, batteryPct: 70 }, start - 60_000));
  await append(log, gpsReading("van-8", { lat: 50 }, start - 60_000));
  await append(log, { domain: "energy", device: "m", time: start, values: { powerW: 5 } });
});

async function ask(method: string, url: string, headers: Record<string, string> = {}) {
  const { status, headers: sent, body = "" } = await api.reply(method, url, { host: "gw:8080", ...headers });
  return { status, headers: sent, text: await textOf(body) };
}

async function share(query: string) {
  const { status, text } = await ask("POST", `/api/v1/shares?${query}`);
  return { status, body: JSON.parse(text) as { id: number; token: string; url: string; error?: string } };
}

describe("shares", () => {
  it("are links with an unguessable token that only their maker is told", async () => {
    const { status, body } = await share("device=van-7&from=-10m&expiresIn=2h");
    expect([status, body]).toEqual([
      200,
      {
        id: 1,
        topic: "gps/van-7",
        from: isoTime(start - 600_000),
        expires: isoTime(start + 2 * hourMs),
        token: expect.stringMatching(/^[\w-]{32}$/),
        url: `http://gw:8080/share/${body.token}`,
      },
    ]);
    const other = await share("topic=gps/van-7");
    expect(other.body.token).not.toBe(body.token);
    const list = await ask("GET", "/api/v1/shares");
    expect(JSON.parse(list.text)).toEqual({
      shares: [expect.objectContaining({ id: 1 }), expect.objectContaining({ id: 2 })],
    });
    expect(list.text).not.toContain(body.token);
  });

  it("show the way of their topic since their beginning, and no other value of it", async () => {
    const { body } = await share("topic=gps/van-7&from=-10m");
    const { status, headers, text } = await ask("GET", `/share/${body.token}/track.geojson`);
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "cache-control": "no-store",
      "x-robots-tag": "noindex, nofollow, noarchive",
      "referrer-policy": "no-referrer",
    });
    const { features } = JSON.parse(text) as { features: { properties: object }[] };
    expect(features).toEqual([
      expect.objectContaining({ geometry: { type: "Point", coordinates: [24.94, 60.2] } }),
    ]);
    expect(Object.keys(features[0]?.properties ?? {})).toEqual(["topic", "time"]);
    const gpx = await ask("GET", `/share/${body.token}/track.gpx`);
    expect(gpx.text.match(/<trkpt/g)).toHaveLength(1);
    expect((await ask("GET", `/share/${body.token}/track.gpx?filter=%23`)).status).toBe(400);
    expect(JSON.parse((await ask("GET", `/share/${body.token}/info`)).text)).toMatchObject({
      topic: "gps/van-7",
      now: isoTime(start),
    });
  });

  it("end when their time is over, and when they are taken back, and say so", async () => {
    const [soon, late] = [await share("device=van-7&expiresIn=1h"), await share("device=van-7&expiresIn=3h")];
    const page = (token: string, path = "") => ask("GET", `/share/${token}${path}`);
    clock.time += hourMs;
    for (const path of ["", "/info", "/track.gpx", "/track.geojson"]) {
      const { status, text } = await page(soon.body.token, path);
      expect([status, text]).toEqual([
        410,
        `this link ended at ${isoTime(start + hourMs)}; ask for a new one\n`,
      ]);
    }
    expect((await page(late.body.token, "/info")).status).toBe(200);
    expect((await ask("DELETE", "/api/v1/shares/1")).status).toBe(404);
    expect((await ask("DELETE", "/api/v1/shares/2")).status).toBe(200);
    expect(await page(late.body.token, "/info")).toMatchObject({ status: 410, text: /was taken back/ });
    expect((await page("a".repeat(32))).status).toBe(404);
    expect(JSON.parse((await ask("GET", "/api/v1/shares")).text)).toEqual({ shares: [] });
  });

  it.each([
    ["", 400, "give it, as in topic=gps/van-7, or device=van-7"],
    ["topic=gps/van-7&device=van-7", 400, "and not both"],
    ["topic=gps/%2B", 400, "a link shows one topic; leave out + and #"],
    ["topic=%23", 400, "a link shows one topic"],
    ["topic=gps/van-7&until=-1h", 400, "it is over already"],
    ["topic=gps/van-7&expiresIn=40d", 400, "31 days at most"],
    ["topic=gps/van-7&expiresIn=1h&until=2026-11-22T12:00:00Z", 400, "give one of them"],
    ["topic=gps/van-7&expiresIn=1h&from=2026-11-22T12:00:00Z", 400, "later than the end"],
    ["topic=gps/van-9", 404, "nothing was heard of gps/van-9"],
    ["topic=energy/m", 409, "has no position"],
  ])("are refused with a reason: %s", async (query, expected, reason) => {
    const { status, body } = await share(query);
    expect(status).toBe(expected);
    expect(body.error).toContain(reason);
  });

  it("cannot be made or taken back by pages of other origins", async () => {
    const headers = { origin: "https://elsewhere.example" };
    expect((await ask("POST", "/api/v1/shares?device=van-7", headers)).status).toBe(403);
    expect((await ask("DELETE", "/api/v1/shares/1", headers)).status).toBe(403);
  });

  it("are as many as a limit allows", async () => {
    for (let count = 0; count < 1_000; count++) expect((await share("device=van-7")).status).toBe(200);
    const { status, body } = await share("device=van-7");
    expect([status, body.error]).toEqual([409, expect.stringContaining("1000 links, the most")]);
    await ask("DELETE", "/api/v1/shares/5");
    expect((await share("device=van-7")).status).toBe(200);
  });
});
