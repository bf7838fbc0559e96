import { rm } from "node:fs/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { open } from "../log/harness.ts";
import { sqliteIn, temporaryFolder } from "../log/place.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";
import { type Api, getJson, openApi } from "./api.ts";

const start = Date.UTC(2026, 10, 22, 10);
const iso = (time: number) => new Date(time).toISOString();
let log: Log;
let api: Api;

beforeEach(async () => {
  log = await openTestLog();
  api = openApi(log);
});
afterEach(() => log.close());

interface LatestPage {
  readonly readings: readonly {
    readonly topic: string;
    readonly time: string;
    readonly values: object;
    readonly times?: object;
  }[];
  readonly next: string | null;
  readonly oldest?: string;
}

describe("latest", () => {
  it("shows the whole fleet as it was", async () => {
    await append(log, gpsReading("a", { batteryPct: 80 }, start), gpsReading("b", {}, start + 60_000));
    await append(log, gpsReading("a", { speedKmh: 5 }, start + 120_000));
    const page = await getJson<LatestPage>(api, `/api/v1/latest?at=${iso(start + 90_000)}`);
    expect(page.readings.map(({ topic, time }) => [topic, time])).toEqual([
      ["gps/a", iso(start)],
      ["gps/b", iso(start + 60_000)],
    ]);
    expect(page.oldest).toMatch(/Z$/);
    expect((await getJson<LatestPage>(api, `/api/v1/latest?at=${start + 30_000}`)).readings).toHaveLength(1);
    const now = await getJson<LatestPage>(api, "/api/v1/latest");
    expect(now.readings[0]).toMatchObject({
      time: iso(start + 120_000),
      times: { batteryPct: iso(start) },
    });
    expect(now).not.toHaveProperty("oldest");
  });

  it.each(["memory", "sqlite"])(
    "has every topic that shows something, while a past is uploaded (%s)",
    async (engine) => {
      const folder = await temporaryFolder();
      const busy = engine === "memory" ? log : await open(sqliteIn(folder), { latestCheckpointBytes: 2_000 });
      const busyApi = openApi(busy);
      const shown = new Map<string, string>();
      let readers = 4;
      const upload = async () => {
        for (let n = 0; readers > 0; n++) {
          // Ever older readings of devices that are there, and of new ones.
          const readings = Array.from({ length: 40 }, (_, m) =>
            gpsReading(`v-${(n * 7 + m) % (20 + 3 * n)}`, { batteryPct: m }, start - n * 60_000),
          );
          await busy.append({ readings });
          for (const { topic, time } of busy.latest("#")) shown.set(topic.name, iso(time));
          await nextTurn();
        }
      };
      const reader = async (query: string, isWanted: (topic: string) => boolean) => {
        for (let answers = 0; answers < 20; ) {
          const before = [...shown].filter(([topic]) => isWanted(topic));
          const times = new Map<string, string>();
          for (let cursor: string | null = ""; cursor !== null; ) {
            const page: LatestPage = await getJson(busyApi, `/api/v1/latest?${query}${cursor}`);
            for (const { topic, time } of page.readings) times.set(topic, time);
            cursor = page.next ? `&cursor=${page.next}` : null;
          }
          for (const [topic, time] of before) expect(times.get(topic) ?? "missing").toBe(time);
          if (before.length > 0) answers++;
        }
        readers--;
      };
      await Promise.all([
        upload(),
        reader("filter=%23", () => true),
        reader("filter=gps/%2B&limit=17", () => true),
        reader("filter=gps/v-1", (topic) => topic === "gps/v-1"),
        reader(`at=${start + 1}`, () => true),
      ]);
      if (busy !== log) await busy.close();
      await rm(folder, { recursive: true, force: true });
    },
  );

  it("gives only what is wanted: fields, and what lies in a box", async () => {
    await append(log, gpsReading("a", { batteryPct: 80 }), gpsReading("east", { lon: 179.5 }));
    await append(log, { domain: "energy", device: "m", time: start, values: { powerW: 1 } });
    const topics = async (query: string) =>
      (await getJson<LatestPage>(api, `/api/v1/latest?${query}`)).readings.map(({ topic }) => topic);
    expect(await topics("bbox=24,60,25,61")).toEqual(["gps/a"]);
    expect(await topics("bbox=170,0,-170,90")).toEqual(["gps/east"]);
    expect(await topics("fields=powerW,batteryPct")).toEqual(["gps/a", "energy/m"]);
    const { readings } = await getJson<LatestPage>(api, "/api/v1/latest?fields=batteryPct");
    expect(readings[0]?.values).toEqual({ batteryPct: 80 });
    for (const bbox of ["1,2,3", "24,61,25,60", "-200,0,0,0", "a,b,c,d", ""]) {
      const { status, text } = await api.get(`/api/v1/latest?bbox=${bbox}`);
      expect([status, text]).toEqual([400, expect.stringContaining("parameter bbox")]);
    }
  });

  it("comes in pages that are the whole", async () => {
    await append(log, ...Array.from({ length: 700 }, (_, n) => gpsReading(`v${n}`, {}, start)));
    for (const at of ["", `&at=${start}`]) {
      const topics: string[] = [];
      let next: string | null = null;
      do {
        const cursor: string = next === null ? "" : `&cursor=${next}`;
        const page: LatestPage = await getJson(api, `/api/v1/latest?filter=gps/%2B&limit=300${at}${cursor}`);
        topics.push(...page.readings.map(({ topic }) => topic));
        next = page.next;
      } while (next !== null);
      expect(topics).toEqual(Array.from({ length: 700 }, (_, n) => `gps/v${n}`));
    }
    expect((await getJson<LatestPage>(api, "/api/v1/latest")).readings).toHaveLength(700);
  });

  it("speaks the format that is asked for", async () => {
    await append(log, gpsReading("a", { note: "=1" }, start), gpsReading("b", { speedKmh: 2 }, start));
    const csv = await api.get("/api/v1/latest?format=csv");
    expect(csv.headers).toMatchObject({
      "content-type": "text/csv; charset=utf-8; header=present",
      "content-disposition": 'attachment; filename="latest.csv"',
      vary: "accept",
    });
    expect(csv.text.split("\r\n")).toEqual([
      "topic,time,seq,lat,lon,note,speedKmh",
      `gps/a,${iso(start)},1,60.17,24.94,'=1,`,
      `gps/b,${iso(start)},2,60.17,24.94,,2`,
      "",
    ]);
    const typeFor = async (accept: string) =>
      (await api.get("/api/v1/latest", { accept })).headers["content-type"]?.split(";")[0];
    expect(await typeFor("application/geo+json")).toBe("application/geo+json");
    expect(await typeFor("text/csv;q=0.5, application/x-ndjson;q=0.9, */*")).toBe("application/x-ndjson");
    expect(await typeFor("text/html,application/xhtml+xml,*/*;q=0.8")).toBe("application/json");
    expect(await typeFor("application/gpx+xml")).toBe("application/json");
    expect(await typeFor("text/csv;q=0")).toBe("application/json");
  });

  it("refuses a GeoJSON without positions by name", async () => {
    const { status, text } = await api.get("/api/v1/latest?format=geojson&fields=speedKmh");
    const why = expect.stringContaining("parameter fields: geojson needs positions; add lat,lon");
    expect([status, text]).toEqual([400, why]);
  });

  it("makes no table of more columns than anybody reads", async () => {
    for (let n = 0; n < 6; n++) {
      const values = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`v${n}-${at}`, at]));
      await append(log, { domain: "energy", device: `m${n}`, time: start, values });
    }
    const { status, text } = await api.get("/api/v1/latest?format=csv");
    expect([status, text]).toEqual([
      400,
      expect.stringContaining("parameter fields: the topics have more than 1000"),
    ]);
    expect((await api.get("/api/v1/latest?format=csv&fields=v1-1,v2-2")).text).toContain(
      "topic,time,seq,v1-1,v2-2",
    );
  });
});

describe("topics", () => {
  it("says which there are, when they were last seen, and what they have", async () => {
    await append(
      log,
      gpsReading("a/b", { speedKmh: 1 }, start),
      { domain: "energy", device: "m 1", channel: "L1", time: start + 1, values: { powerW: 1 } },
      gpsReading("a/b", { batteryPct: 1 }, start + 5),
    );
    expect(await getJson(api, "/api/v1/topics")).toEqual({
      topics: [
        {
          topic: "gps/a/b",
          domain: "gps",
          device: "a/b",
          lastSeen: iso(start + 5),
          seq: 3,
          fields: ["lat", "lon", "speedKmh", "batteryPct"],
        },
        {
          topic: "energy/m 1/L1",
          domain: "energy",
          device: "m 1",
          channel: "L1",
          lastSeen: iso(start + 1),
          seq: 2,
          fields: ["powerW"],
        },
      ],
      next: null,
    });
    const page = await getJson<{ topics: object[]; next: string }>(api, "/api/v1/topics?limit=1");
    expect(page.topics).toHaveLength(1);
    expect(await getJson(api, `/api/v1/topics?limit=1&cursor=${page.next}`)).toMatchObject({
      topics: [{ topic: "energy/m 1/L1" }],
      next: null,
    });
    expect((await api.get("/api/v1/topics?format=ndjson")).text.trim().split("\n")).toHaveLength(2);
  });
});

describe("what is not there", () => {
  it("is refused in JSON under /api", async () => {
    const { status, text, headers } = await api.get("/api/v1/histroy");
    expect([status, headers["content-type"]]).toEqual([404, "application/json; charset=utf-8"]);
    expect(JSON.parse(text).error).toContain("/api/v1/openapi.json");
    expect((await api.reply("DELETE", "/api/v1/history")).status).toBe(405);
  });
});
