import { once } from "node:events";
import { parentPort, Worker, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import type { EngineRecord } from "../../../src/log/engine.ts";
import type { Store } from "./store.ts";

/** What is stored of a reading: its columns. */
type Row = [seq: number, topicId: number, time: number, body: Uint8Array];

interface Settings {
  readonly path: string;
  readonly maxReadings: number;
}

/**
 * The plain way: one row per reading with an index by topic and time, in a thread of its own; a commit deletes as many of the
 * oldest as it is over its limit.
 */
export class RowStore implements Store {
  readonly #worker: Worker;

  constructor(settings: Settings) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: settings });
  }

  async open(): Promise<void> {
    await once(this.#worker, "message");
  }

  async commit(records: readonly EngineRecord[]): Promise<void> {
    const rows: Row[] = records.map(({ seq, topic, time, body }) => [seq, topic.id, time, body]);
    this.#worker.postMessage(rows);
    await once(this.#worker, "message");
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

function serve({ path, maxReadings }: Settings): void {
  const db = new Database(path);
  db.pragma("locking_mode = EXCLUSIVE");
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = NORMAL");
  db.exec(`CREATE TABLE reading (seq INTEGER PRIMARY KEY, topic INTEGER NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX reading_by_topic ON reading (topic, time)`);
  const insert = db.prepare<Row>("INSERT INTO reading VALUES (?, ?, ?, ?)");
  const trim = db.prepare<[number]>("DELETE FROM reading WHERE seq <= ?");
  const commit = db.transaction((rows: readonly Row[]) => {
    for (const row of rows) insert.run(...row);
    const last = rows.at(-1)?.[0] ?? 0;
    if (last > maxReadings) trim.run(last - maxReadings);
  });
  parentPort?.on("message", (rows: readonly Row[]) => {
    commit(rows);
    parentPort?.postMessage(rows.length);
  });
  parentPort?.postMessage(0);
}

if (parentPort !== null && workerData !== null) serve(workerData as Settings);
