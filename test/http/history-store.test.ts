import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { SqliteEngine } from "../../src/log/engines/sqlite.ts";
import { openLog } from "../../src/log/log.ts";
import { defaultLogOptions, defaultSqliteOptions } from "../../src/log/options.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { append, gpsReading } from "../support/log.ts";
import { getJson, openApi } from "./api.ts";

interface Page {
  readonly readings: readonly object[];
  readonly next: string | null;
}

const start = Date.UTC(2026, 10, 22, 10);
const count = 60;
let folder: string;
let log: Log;

function open(): Promise<Log> {
  const engine = new SqliteEngine({ ...defaultSqliteOptions, path: join(folder, "log.db") });
  return openLog(engine, { ...defaultLogOptions, gatherMs: 0 }, systemClock, silentLogger);
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "fieldcast-history-"));
  log = await open();
  // Late ones among them, and several at the same instant.
  for (let n = 0; n < count; n++) {
    const time = start + (Math.floor(n / 2) % 7) * 4_000 + (n % 3) * 20_000;
    await append(log, gpsReading(`v${n % 3}`, { speedKmh: n }, time));
  }
});
afterEach(async () => {
  await log.close();
  rmSync(folder, { recursive: true });
});

it.each([
  "history?order=asc",
  "history?order=desc",
  "history?step=10s&agg=last",
  "history?step=10s&agg=count&order=desc",
  "latest?at=2026-11-22T10:00:30Z",
  "latest?",
])("the pages of %s are the whole, over restarts in between", async (request) => {
  const url = `/api/v1/${request}`;
  const { readings } = await getJson<Page>(openApi(log), url);
  expect(readings.length).toBeGreaterThan(1);
  const rows: object[] = [];
  let next: string | null = null;
  do {
    const cursor: string = next === null ? "" : `&cursor=${next}`;
    const page: Page = await getJson(
      openApi(log),
      `${url}&limit=${request.startsWith("latest") ? 1 : 5}${cursor}`,
    );
    rows.push(...page.readings);
    next = page.next;
    if (rows.length % 2 === 1) {
      await log.close();
      log = await open();
    }
  } while (next !== null);
  expect(rows).toEqual(readings);
});
