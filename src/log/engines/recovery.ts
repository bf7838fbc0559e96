import { existsSync, renameSync, rmSync } from "node:fs";
import type { Damage, EngineState } from "../engine.ts";
import type { SqliteOptions } from "../options.ts";
import { damageNotePath, isDamage } from "./damage.ts";
import { salvage } from "./salvage.ts";
import type { Resumption } from "./sqlite-protocol.ts";
import { openDatabase } from "./sqlite-schema.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { hasLostCommits } from "./wal-check.ts";

/**
 * Opens the store. A damaged file is set aside under another name, never deleted, and what can be read of it goes into a new one.
 * That has a new epoch, so that whoever resumes is told of the gap.
 *
 * @param damaged told of damaged readings that are met later
 * @throws Error that says what to do, when the file cannot be used for another reason; it is left as it was
 */
export function openStore(
  options: SqliteOptions,
  newEpoch: string,
  resumption: Resumption | null,
  damaged: (damage: Damage) => void,
): { store: SqliteStore; state: EngineState } {
  const problem = resumption === null ? knownDamage(options.path) : null;
  if (problem !== null) return replaceStore(options, newEpoch, problem, damaged);
  try {
    return openSound(options, newEpoch, resumption, damaged);
  } catch (error) {
    if (resumption !== null || !isDamage(error)) throw error;
    return replaceStore(options, newEpoch, (error as Error).message, damaged);
  }
}

function openSound(
  options: SqliteOptions,
  newEpoch: string,
  resumption: Resumption | null,
  damaged: (damage: Damage) => void,
) {
  const store = new SqliteStore(options, newEpoch, resumption, damaged);
  try {
    store.beginEpoch();
    return { store, state: store.state() };
  } catch (error) {
    // Its lock would keep the salvage out.
    store.abandon();
    throw error;
  }
}

function knownDamage(path: string): string | null {
  if (!existsSync(path)) return null;
  if (existsSync(damageNotePath(path))) return "it was found to be damaged while in use";
  return hasLostCommits(`${path}-wal`) ? "its write-ahead log is damaged ahead of finished commits" : null;
}

function replaceStore(
  options: SqliteOptions,
  newEpoch: string,
  problem: string,
  damaged: (damage: Damage) => void,
) {
  const { path } = options;
  const aside = setAside(path);
  const db = openDatabase(options, newEpoch);
  let count: number;
  try {
    count = salvage(aside, db);
  } finally {
    db.close();
    // Left behind by the reading of its write-ahead log.
    rmSync(`${aside}-shm`, { force: true });
  }
  const store = new SqliteStore(options, newEpoch, null, damaged);
  const notice = `${path} was damaged (${problem}). It is set aside as ${aside}; ${count} readings of it were taken over into a new log`;
  return { store, state: { ...store.state(), notice } };
}

/** Gives the file and its write-ahead log another name, which it returns. */
function setAside(path: string): string {
  let aside = `${path}.damaged-1`;
  for (let n = 2; existsSync(aside); n++) aside = `${path}.damaged-${n}`;
  renameSync(path, aside);
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`);
  rmSync(`${path}-shm`, { force: true });
  rmSync(damageNotePath(path), { force: true });
  return aside;
}
