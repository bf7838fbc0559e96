import type { EngineRecord } from "../../../src/log/engine.ts";

/** What is compared: something that keeps readings on disk. */
export interface Store {
  open(): Promise<void>;
  commit(records: readonly EngineRecord[]): Promise<void>;
  close(): Promise<void>;
}
