import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import type { Damage, EngineState } from "../engine.ts";
import type { SqliteOptions } from "../options.ts";
import { damageNotePath, isDamage } from "./damage.ts";
import { type Salvaged, salvage } from "./salvage.ts";
import { removeTwin } from "./salvage-source.ts";
import type { Resumption } from "./sqlite-protocol.ts";
import { codeOf, describeProblem, openDatabase } from "./sqlite-schema.ts";
import { SqliteStore } from "./sqlite-store.ts";
import { readWal, type Wal } from "./wal-check.ts";

/**
 * Opens the store. A damaged file is set aside under another name, never deleted, and what can be read of it goes into a new one.
 * That has a new epoch, so that whoever resumes is told of the gap; while a log goes on with it, it has that log's.
 *
 * @param damaged told of damaged readings: of those that a salvage did not find, and of those that are met later
 * @throws Error that says what to do, when the file cannot be used for another reason or what is left of it cannot be taken over;
 *   it is left as it was
 */
export function openStore(
  options: SqliteOptions,
  newEpoch: string,
  resumption: Resumption | null,
  damaged: (damage: Damage) => void,
): { store: SqliteStore; state: EngineState } {
  const { path } = options;
  const aside = finishReplacement(path);
  if (aside !== null) {
    const notice = `${path} was damaged. ${setAsideAs(path, aside)}`;
    return openSound(options, newEpoch, shortened(resumption), damaged, notice);
  }
  const wal = readWal(`${path}-wal`);
  const problem = knownDamage(path, wal);
  if (problem !== null) return replaceStore(options, newEpoch, resumption, problem, damaged);
  try {
    const notice = resumption === null && wal.isCutOff ? cutOffNotice(path) : undefined;
    return openSound(options, newEpoch, resumption, damaged, notice);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return replaceStore(options, newEpoch, resumption, (error as Error).message, damaged);
  }
}

function openSound(
  options: SqliteOptions,
  newEpoch: string,
  resumption: Resumption | null,
  damaged: (damage: Damage) => void,
  notice?: string,
) {
  const store = new SqliteStore(options, newEpoch, resumption, damaged);
  try {
    store.beginEpoch();
    const state = store.state();
    return { store, state: notice === undefined ? state : { ...state, notice } };
  } catch (error) {
    // Its lock would keep the salvage out.
    store.abandon();
    throw error;
  }
}

/** What takes the place of a damaged file may have lost the newest commits. */
function shortened(resumption: Resumption | null): Resumption | null {
  return resumption && { ...resumption, mayEndEarlier: true };
}

function cutOffNotice(path: string): string {
  return (
    `${path}-wal ends in the middle of a commit: either that was never finished, since the gateway was killed or the disk was full, ` +
    "then nothing acknowledged is lost; or the file was cut off or damaged there, then what it had behind is lost"
  );
}

function knownDamage(path: string, wal: Wal): string | null {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return wal.frames.length > 0 ? "it is empty or gone, its write-ahead log is there" : null;
  if (existsSync(damageNotePath(path))) return "it was found to be damaged while in use";
  return wal.hasLostCommits ? "its write-ahead log is damaged ahead of finished commits" : null;
}

/**
 * The damaged log stays where it is until the new one is complete: a start that is cut off, or finds no room, leaves all as it was
 * for the next one.
 */
function replaceStore(
  options: SqliteOptions,
  newEpoch: string,
  resumption: Resumption | null,
  problem: string,
  damaged: (damage: Damage) => void,
) {
  const { path } = options;
  const { count, holes } = salvageBeside(options, newEpoch, problem);
  const aside = finishReplacement(path) ?? path;
  const notice = `${path} was damaged (${problem}). ${setAsideAs(path, aside)}: ${count} readings`;
  const opened = openSound(options, newEpoch, shortened(resumption), damaged, notice);
  for (const hole of holes) damaged({ ...hole, copy: "log", isLost: true });
  return opened;
}

function setAsideAs(path: string, aside: string): string {
  return `It is set aside as ${aside}; what could be read of it was taken over into a new ${path}`;
}

/** @throws Error that says what to do, when the disk does not take it */
function salvageBeside(options: SqliteOptions, newEpoch: string, problem: string): Salvaged {
  const path = unfinishedPath(options.path);
  removeUnfinished(options.path);
  try {
    const db = openDatabase({ ...options, path }, newEpoch);
    let salvaged: Salvaged;
    try {
      // Nothing of it is kept unless it is complete: a write-ahead log would only need the room twice.
      db.pragma("journal_mode = OFF");
      db.pragma("synchronous = FULL");
      salvaged = salvage(options.path, db);
    } finally {
      db.close();
    }
    renameSync(path, completePath(options.path));
    return salvaged;
  } catch (error) {
    removeUnfinished(options.path);
    throw new Error(
      `${options.path} is damaged (${problem}), and what is left of it cannot be taken over: ${reasonOf(error, path)}. ` +
        "It is left as it was, and the next start tries again",
      { cause: error },
    );
  }
}

function reasonOf(error: unknown, path: string): string {
  return isFull(error)
    ? "no room for a new log beside it, free space on its disk"
    : describeProblem(error, path);
}

function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /^(SQLITE_FULL|ENOSPC)/.test(codeOf(error)) || isFull(error.cause);
}

function unfinishedPath(path: string): string {
  return `${path}.salvaging`;
}

function completePath(path: string): string {
  return `${path}.salvaged`;
}

function removeUnfinished(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) {
    rmSync(`${unfinishedPath(path)}${suffix}`, { force: true });
  }
  removeTwin(path);
}

/**
 * Gives a damaged file and its write-ahead log another name, which it returns, and puts the complete new one in its place: the rest
 * of that if an earlier start was cut off. Null if there is no complete new one.
 */
function finishReplacement(path: string): string | null {
  if (!existsSync(completePath(path))) return null;
  let aside = `${path}.damaged-1`;
  for (let n = 2; existsSync(aside) || existsSync(`${aside}-wal`); n++) aside = `${path}.damaged-${n}`;
  if (existsSync(path)) renameSync(path, aside);
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`);
  rmSync(`${path}-shm`, { force: true });
  rmSync(damageNotePath(path), { force: true });
  renameSync(completePath(path), path);
  return aside;
}
