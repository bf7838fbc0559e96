import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import type { Reading } from "../../src/model/reading.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";
import { type Api, getJson, openApi, textOf } from "./api.ts";

interface Row {
  readonly seq?: number;
  readonly topic: string;
  readonly time: string;
  readonly values: Record<string, unknown>;
  readonly attrs?: Record<string, unknown>;
}
interface Page {
  readonly readings: readonly Row[];
  readonly next: string | null;
  readonly oldest: string | null;
}

const start = Date.UTC(2026, 10, 22, 10);
const iso = (time: number) => new Date(time).toISOString();
let log: Log;
let api: Api;

beforeEach(async () => {
  log = await openTestLog();
  api = openApi(log);
});
afterEach(() => log.close());

function power(device: string, time: number, values: Reading["values"]): Reading {
  return { domain: "energy", device, time, values };
}

function seqs({ readings }: Page): (number | undefined)[] {
  return readings.map(({ seq }) => seq);
}

/** Follows `next` to the end. */
async function allPages(url: string): Promise<Row[]> {
  const rows: Row[] = [];
  let next: string | null = null;
  do {
    const page: Page = await getJson<Page>(
      api,
      next === null ? url : `${url}&cursor=${encodeURIComponent(next)}`,
    );
    rows.push(...page.readings);
    next = page.next;
  } while (next !== null);
  return rows;
}

describe("history", () => {
  it("goes topic by topic, and within a topic by observation time, late readings in their place", async () => {
    await append(log, gpsReading("b", { speedKmh: 1 }, start + 2_000), gpsReading("a", {}, start));
    await append(log, gpsReading("b", { speedKmh: 2 }, start + 1_000));
    const page = await getJson<Page>(api, "/api/v1/history?filter=gps/%23");
    expect(page.readings.map(({ topic, time, seq }) => [topic, time, seq])).toEqual([
      ["gps/b", iso(start + 1_000), 3],
      ["gps/b", iso(start + 2_000), 1],
      ["gps/a", iso(start), 2],
    ]);
    expect(page.next).toBeNull();
    expect(seqs(await getJson(api, "/api/v1/history?filter=gps/%23&order=desc"))).toEqual([1, 3, 2]);
    expect(seqs(await getJson(api, "/api/v1/history?filter=gps/a"))).toEqual([2]);
    expect(seqs(await getJson(api, "/api/v1/history?filter=gps/+"))).toEqual([3, 1, 2]);
  });

  it("takes ranges as ISO 8601, epoch milliseconds, and so long ago", async () => {
    const now = Date.now();
    await append(log, power("m", now - 7_200_000, { powerW: 1 }), power("m", now - 600_000, { powerW: 2 }));
    const one = iso(now - 7_200_000);
    for (const [range, found] of [
      [`to=${one}`, [1]],
      [`from=${now - 7_200_000}&to=${now - 7_200_000}`, [1]],
      [`from=${one.replace("Z", "%2B00:00")}`, [1, 2]],
      [`from=${one.replace("Z", "+00:00")}`, [1, 2]],
      ["from=-1h", [2]],
      ["from=-1d&to=-1h", [1]],
      ["from=-1d&to=now", [1, 2]],
    ] as const) {
      expect(seqs(await getJson(api, `/api/v1/history?${range}`)), range).toEqual(found);
    }
  });

  it("gives only the fields asked for, and no readings without any", async () => {
    await append(
      log,
      power("m", start, { powerW: 1, voltageV: 230 }),
      power("m", start + 1, { currentA: 2 }),
    );
    const { readings } = await getJson<Page>(api, "/api/v1/history?fields=voltageV,powerW");
    expect(readings.map(({ values }) => values)).toEqual([{ powerW: 1, voltageV: 230 }]);
  });

  it("pages are the whole, whatever their size, order and step", async () => {
    const observed = fc.record({
      device: fc.constantFrom("a", "b", "c/d"),
      second: fc.integer({ min: 0, max: 40 }),
      powerW: fc.integer({ min: 0, max: 9 }),
    });
    const options = fc.record({
      limit: fc.integer({ min: 1, max: 7 }),
      order: fc.constantFrom("asc", "desc"),
      step: fc.constantFrom("", "&step=10s&agg=last", "&step=7s&agg=count"),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(observed, { maxLength: 25 }),
        options,
        async (list, { limit, order, step }) => {
          const own = await openTestLog();
          try {
            api = openApi(own);
            for (const { device, second, powerW } of list) {
              await append(own, power(device, start + second * 1_000, { powerW }));
            }
            const url = `/api/v1/history?order=${order}${step}`;
            const { readings } = await getJson<Page>(api, url);
            expect(await allPages(`${url}&limit=${limit}`)).toEqual(readings);
            if (step === "") expect(readings).toHaveLength(list.length);
          } finally {
            await own.close();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("tells in a header where to go on, in formats that have no room for it", async () => {
    await append(log, ...[1, 2, 3].map((n) => power("m", start + n, { powerW: n })));
    const { headers, text } = await api.get("/api/v1/history?filter=energy/%23&limit=2&format=ndjson");
    expect(text.trim().split("\n")).toHaveLength(2);
    const next = /^<(.*)>; rel="next"$/.exec(headers["link"] ?? "")?.[1] as string;
    const last = await api.get(next);
    expect(JSON.parse(last.text)).toMatchObject({ seq: 3 });
    expect(last.headers["link"]).toBeUndefined();
  });

  it("a cursor keeps the hour that it was asked for, and refuses another request's", async () => {
    await append(log, ...[1, 2, 3].map((n) => power("m", Date.now() - 1_000 * n, { powerW: n })));
    const url = "/api/v1/history?from=-1h&limit=1";
    const { next } = await getJson<Page>(api, url);
    await append(log, power("m", Date.now() - 100, { powerW: 4 }));
    expect(seqs(await getJson(api, `${url}&cursor=${next}`))).toEqual([2]);
    for (const [other, why] of [
      [`/api/v1/history?from=-2h&limit=1&cursor=${next}`, /belongs to another request/],
      ["/api/v1/history?cursor=nonsense", /not one that this gateway gave/],
      [`${url}&cursor=${next?.replace(log.epoch, "other")}`, /log that it belongs to is gone/],
    ] as const) {
      const { status, text } = await api.get(other);
      expect([status, JSON.parse(text).error]).toEqual([400, expect.stringMatching(why)]);
      expect(text).toContain("parameter cursor");
    }
  });

  it("brings readings down to steps", async () => {
    await append(
      log,
      power("m", start + 1_000, { powerW: 10, energyImportWh: 100 }),
      power("m", start + 59_000, { powerW: 30, energyImportWh: 101 }),
      power("m", start + 60_000, { powerW: 5, energyImportWh: 102 }),
    );
    const of = async (query: string) =>
      (await getJson<Page>(api, `/api/v1/history?step=60s&${query}`)).readings.map(
        ({ time, values, seq }) => {
          expect(seq).toBeUndefined();
          return [time, values];
        },
      );
    expect(await of("agg=mean")).toEqual([
      [iso(start), { powerW: 20 }],
      [iso(start + 60_000), { powerW: 5 }],
    ]);
    expect(await of("agg=max&fields=energyImportWh&order=desc")).toEqual([
      [iso(start + 60_000), { energyImportWh: 102 }],
      [iso(start), { energyImportWh: 101 }],
    ]);
    expect(await of("agg=count&fields=powerW")).toEqual([
      [iso(start), { powerW: 2 }],
      [iso(start + 60_000), { powerW: 1 }],
    ]);
  });

  it("picks points for a chart, each series by itself", async () => {
    const readings = Array.from({ length: 400 }, (_, n) =>
      power("m", start + n * 1_000, { powerW: n === 123 ? 9_000 : n % 5, voltageV: n === 321 ? 0 : 230 }),
    );
    await append(log, ...readings, power("other", start, { powerW: 1 }));
    const { readings: rows } = await getJson<Page>(
      api,
      "/api/v1/history?agg=lttb&points=20&fields=powerW,voltageV",
    );
    const own = rows.filter(({ topic }) => topic === "energy/m");
    for (const name of ["powerW", "voltageV"]) {
      expect(own.filter(({ values }) => name in values)).toHaveLength(20);
    }
    expect(own.map(({ values }) => values["powerW"])).toContain(9_000);
    expect(own.map(({ values }) => values["voltageV"])).toContain(0);
    expect(rows.at(-1)).toMatchObject({ topic: "energy/other", values: { powerW: 1 } });
    const times = own.map(({ time }) => time);
    expect(times).toEqual([...times].sort());
  });

  it("says what the ring no longer has", async () => {
    expect(await getJson<Page>(api, "/api/v1/history")).toEqual({ readings: [], next: null, oldest: null });
    expect((await api.get("/api/v1/history")).headers["fieldcast-oldest"]).toBe("none");
    // Only what a checkpoint of latest covers may go.
    const small = await openTestLog({ latestCheckpointMs: 5 }, { maxBytes: 2_000 });
    try {
      let n = 0;
      await expect
        .poll(async () => {
          await append(small, ...Array.from({ length: 20 }, () => power("m", start + n++, { powerW: n })));
          return small.oldest;
        })
        .toBeGreaterThan(1);
      const page = await getJson<Page>(openApi(small), "/api/v1/history");
      const first = await small.read(small.oldest - 1, 1);
      const stored = first.kind === "records" ? first.records[0]?.committedAt : undefined;
      expect(page.readings[0]?.seq).toBe(small.oldest);
      expect(page.oldest).toBe(iso(stored ?? 0));
    } finally {
      await small.close();
    }
  });

  it("tells at its end that the ring dropped something while it was made", async () => {
    const small = await openTestLog({ latestCheckpointMs: 5 }, { maxBytes: 400_000 });
    const some = (from: number) =>
      append(
        small,
        ...Array.from({ length: 200 }, (_, at) =>
          power(`m${at % 3}`, start + from + at, { lat: 1, lon: 2, powerW: at, note: "x".repeat(200) }),
        ),
      );
    try {
      for (let from = 0; from < 1_600; from += 200) await some(from);
      const ask = (url: string) => openApi(small).reply("GET", `/api/v1/history?${url}`);
      const kinds = ["json", "ndjson", "csv", "geojson", "gpx"];
      const replies = await Promise.all(kinds.map((kind) => ask(`format=${kind}`)));
      const late = await ask(`from=${iso(Date.now() + 3_600_000)}&format=ndjson`);
      const { oldest } = small;
      let from = 2_000;
      await expect
        .poll(async () => {
          from += 200;
          await some(from);
          return small.oldest;
        })
        .toBeGreaterThan(oldest + 500);
      const [json, ndjson, csv, geojson, gpx] = await Promise.all(
        replies.map(({ body = "" }) => textOf(body)),
      );
      const since = (JSON.parse(json ?? "") as Page).oldest;
      expect(JSON.parse(json ?? "")).toMatchObject({ next: null, evicted: true });
      expect(Date.parse(since ?? "")).toBeGreaterThan(
        Date.parse(replies[0]?.headers?.["fieldcast-oldest"] ?? ""),
      );
      const lastLine = (text = "") => text.trimEnd().split(/\r?\n/).at(-1) ?? "";
      expect(JSON.parse(lastLine(ndjson))).toEqual({ topic: "$evicted", time: since, values: {} });
      expect(lastLine(csv)).toBe(`$evicted,${since},,,,,`);
      expect(JSON.parse(geojson ?? "")).toMatchObject({ evicted: true, oldest: since });
      expect(gpx).toContain(`<!-- evicted meanwhile: what was stored before ${since} may be missing -->`);
      expect(await textOf(late.body ?? "")).toBe("");
      // Nothing was dropped during this one.
      expect(await getJson<Page>(openApi(small), "/api/v1/history")).not.toHaveProperty("evicted");
    } finally {
      await small.close();
    }
  });

  it("sends everything in small pieces, and stops reading when the client leaves", async () => {
    const values = { text: "x".repeat(200) };
    for (let n = 0; n < 20; n++) {
      await append(log, ...Array.from({ length: 500 }, (_, at) => power("m", start + n * 500 + at, values)));
    }
    let asked = 0;
    const counting = new Proxy(log, {
      get: (target, name) => {
        if (name === "observed") asked++;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const { body } = await openApi(counting).reply("GET", "/api/v1/history?format=ndjson");
    if (typeof body !== "object" || !(Symbol.asyncIterator in body)) throw new Error("not in pieces");
    expect(asked).toBeLessThan(5);
    const iterator = body[Symbol.asyncIterator]();
    const { value } = await iterator.next();
    expect(String(value).length).toBeLessThan(200_000);
    await iterator.next();
    const before = asked;
    await iterator.return?.();
    expect(await iterator.next()).toMatchObject({ done: true });
    expect(asked).toBe(before);
    const whole = (await openApi(log).reply("GET", "/api/v1/history?format=ndjson")).body ?? "";
    expect((await textOf(whole)).trim().split("\n")).toHaveLength(10_000);
  });

  it("begins to answer even if it finds nothing for long, so that a client may leave", async () => {
    const values = { text: "x".repeat(200) };
    for (let n = 0; n < 20; n++) {
      await append(log, ...Array.from({ length: 500 }, (_, at) => power("m", start + n * 500 + at, values)));
    }
    const { body = "" } = await api.reply("GET", "/api/v1/history?fields=nothing");
    expect(typeof body).toBe("object");
    expect(JSON.parse(await textOf(body))).toMatchObject({ readings: [], next: null });
  });

  it("ends a page of large rows early, and says where to go on", async () => {
    const values = { text: "x".repeat(30_000) };
    await append(log, ...Array.from({ length: 100 }, (_, at) => power("m", start + at, values)));
    const page = await getJson<Page>(api, "/api/v1/history?limit=100");
    expect(page.readings.length).toBeLessThan(40);
    expect(page.next).not.toBeNull();
    expect(await allPages("/api/v1/history?limit=100")).toHaveLength(100);
  });

  it.each([
    ["filter=gps/", "parameter filter: it is cut off; in a URL `#` is written %23"],
    ["filter=a%23", "parameter filter: `#` must stand alone"],
    ["filter=%FF", "parameter filter: it is not UTF-8; percent-encode it as UTF-8"],
    ["filter=a&filter=b", "parameter filter: it may be given once"],
    ["from=yesterday", 'parameter from: "yesterday" is no time; give a time such as'],
    ["from=-1h&to=-2h", "parameter from: it is later than `to`"],
    ["to=2026-02-31T00:00:00Z", "parameter to:"],
    ["to=-999999999d", "parameter to:"],
    ["fields=", "parameter fields: it is empty"],
    ["order=up", 'parameter order: "up" is not known; give one of asc, desc'],
    ["limit=0", 'parameter limit: "0" is not a whole number from 1 to 10000'],
    ["limit=1e3", "parameter limit:"],
    ["step=5", 'parameter step: "5" is no length of time'],
    ["step=0s", "parameter step:"],
    ["agg=median&step=5m", "parameter agg:"],
    ["agg=max", "parameter agg: it needs a step"],
    ["step=5m&fields=energyImportWh", "parameter agg: energyImportWh is a counter"],
    ["points=10", "parameter points:"],
    ["agg=lttb", "parameter fields: agg=lttb picks from 1 to 8 fields"],
    ["agg=lttb&fields=powerW&step=5m", "parameter step:"],
    ["agg=lttb&fields=powerW&limit=5", "parameter limit:"],
    ["format=xml", "parameter format:"],
    ["format=gpx&agg=count&step=5m", "parameter agg: counts are no positions for gpx; give agg=last"],
    ["format=geojson&agg=count&step=5m", "parameter agg: counts are no positions for geojson"],
    ["format=gpx&fields=n", "parameter fields: gpx needs positions; add lat,lon"],
    ["format=geojson&fields=lat,n", "parameter fields: geojson needs positions; add lat,lon"],
    ["topic=gps/a", "parameter topic: there is none of this name; there are filter, from,"],
    ["__proto__=1", "parameter __proto__: there is none of this name"],
    ["constructor=1", "parameter constructor: there is none of this name"],
  ])("refuses %s by name", async (query, message) => {
    const { status, text, headers } = await api.get(`/api/v1/history?${query}`);
    expect([status, headers["content-type"]]).toEqual([400, "application/json; charset=utf-8"]);
    expect(JSON.parse(text)).toEqual({ error: expect.stringContaining(message) });
  });

  it("answers the README's lines as they are written", async () => {
    await append(
      log,
      gpsReading("a", {}, Date.now() - 700_000),
      power("m", Date.now() - 1_000, { powerW: 1 }),
    );
    const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
    const urls = [
      ...readme.matchAll(/^curl 'http:\/\/localhost:8080(\/api\/v1\/(?:history|latest)[^']*)'/gm),
    ];
    expect(urls).toHaveLength(3);
    for (const [, url = ""] of urls) {
      const { status, text } = await api.get(url);
      expect([url, status, text]).toEqual([url, 200, expect.stringMatching(/gps\/a|energy\/m/)]);
    }
  });

  it("says so when the store cannot be read", async () => {
    await append(log, power("m", start, { powerW: 1 }));
    await log.close();
    expect((await api.get("/api/v1/history")).status).toBe(503);
  });
});
