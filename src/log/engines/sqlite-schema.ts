import { accessSync, constants, existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import type { SqliteOptions } from "../options.ts";

/** "FCLG": marks the file as a Fieldcast log (https://www.sqlite.org/pragma.html#pragma_application_id). */
const applicationId = 0x46434c47;
const schemaVersion = 8;
/** How long another process's lock is waited for. It blocks only the worker thread. */
const lockWaitMs = 1_000;
/** The write-ahead log is moved into the file at this size and then cut back to it. */
const walPages = 1_000;
export const walBytes = 8 * 1024 * 1024;

const progressTable = `
  CREATE TABLE progress (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    state_seq INTEGER,
    state_time INTEGER,
    state BLOB
  );
`;

const rememberedTable = `
  CREATE TABLE remembered (
    topic TEXT PRIMARY KEY,
    position INTEGER NOT NULL UNIQUE,
    received_at INTEGER NOT NULL,
    client TEXT,
    payload BLOB NOT NULL
  );
`;

// Earlier runs of the log, and how far their positions are good.
const epochTable = "CREATE TABLE epoch (epoch TEXT PRIMARY KEY, last_seq INTEGER NOT NULL);";

// The second copy of the readings, grouped by topic (segments.ts). The directory stands last, so that the rest is read without it.
const segmentTables = `
  CREATE TABLE segment (
    first_seq INTEGER NOT NULL,
    domain TEXT NOT NULL,
    last_seq INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    min_time INTEGER NOT NULL,
    max_time INTEGER NOT NULL,
    first_chunk INTEGER NOT NULL,
    last_chunk INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    directory BLOB NOT NULL,
    PRIMARY KEY (first_seq, domain)
  );
  CREATE TABLE chunk (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
`;

// checksum.ts; null in what was stored before.
const checksumColumns = `
  ALTER TABLE block ADD COLUMN sum INTEGER;
  ALTER TABLE segment ADD COLUMN sum INTEGER;
  ALTER TABLE chunk ADD COLUMN sum INTEGER;
`;

// Every reading needs them to be read: an index has all of their columns, on pages of its own, and SQLite keeps it (salvage.ts).
const dictionaryCopies = `
  CREATE INDEX topic_copy ON topic (name, channel_at);
  CREATE INDEX shape_copy ON shape (names, decimals);
`;

// A state beside its progress: in the same row, each commit of an insight had to read and compare all of a state of megabytes (6 ms).
const stateTable = `
  CREATE TABLE progress_state (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    time INTEGER NOT NULL,
    state BLOB NOT NULL
  );
  INSERT INTO progress_state SELECT name, state_seq, state_time, state FROM progress WHERE state IS NOT NULL;
  ALTER TABLE progress DROP COLUMN state;
  ALTER TABLE progress DROP COLUMN state_time;
  ALTER TABLE progress DROP COLUMN state_seq;
`;

// One row per block, not per reading: ten times as many readings a second (measured). `meta` has one row; its head and
// ring_bytes may be some mebibytes behind the newest block, which then tells, but never so when the ring is empty.
const schema = `
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,
    head INTEGER NOT NULL,
    ring_bytes INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL,
    last_topic_id INTEGER NOT NULL,
    quarantine_count INTEGER NOT NULL,
    quarantine_bytes INTEGER NOT NULL,
    remembered_count INTEGER NOT NULL,
    remembered_bytes INTEGER NOT NULL,
    remembered_position INTEGER NOT NULL
  );
  CREATE TABLE topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL, channel_at INTEGER);
  CREATE TABLE shape (id INTEGER PRIMARY KEY, names TEXT NOT NULL, decimals TEXT NOT NULL);
  CREATE TABLE latest (topic_id INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, body BLOB NOT NULL);
  CREATE TABLE block (
    first_seq INTEGER PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    committed_at INTEGER NOT NULL,
    min_time INTEGER NOT NULL,
    max_time INTEGER NOT NULL,
    bytes BLOB NOT NULL
  );
  CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at INTEGER NOT NULL,
    topic TEXT NOT NULL,
    client TEXT,
    format TEXT,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL
  );
  ${rememberedTable}
  ${progressTable}
  ${segmentTables}
  ${epochTable}
  ${checksumColumns}
  ${dictionaryCopies}
  ${stateTable}
`;

// Version 2: packets that formats need again after a restart. \`position\` is their order; it never goes back. Version 3:
// how far insights have come, and where in a topic its channel begins. Version 4: readings grouped by topic, gathered from the
// blocks while the log is in use. Version 5: earlier epochs. Version 6: checksums.
// Version 7: a copy of the dictionary. Version 8: states of insights in a table of their own.
const migrations: Readonly<Record<number, string>> = {
  1: `
    ALTER TABLE meta ADD COLUMN remembered_count INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE meta ADD COLUMN remembered_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE meta ADD COLUMN remembered_position INTEGER NOT NULL DEFAULT 0;
    ${rememberedTable}
  `,
  2: `
    ALTER TABLE topic ADD COLUMN channel_at INTEGER;
    ${progressTable}
  `,
  3: segmentTables,
  4: epochTable,
  5: checksumColumns,
  6: dictionaryCopies,
  7: stateTable,
};

/**
 * Opens the file, makes the tables if it is new, and takes the lock that keeps every other process out.
 * @throws Error that names the file and says what to do; a file that is not ours is left untouched
 */
export function openDatabase(options: SqliteOptions, newEpoch: string): Database.Database {
  let db: Database.Database | null = null;
  try {
    makeFolder(dirname(options.path));
    db = new Database(options.path, { timeout: lockWaitMs });
    // Before the first access: two gateways must never share a log, and no shared-memory file is needed then.
    db.pragma("locking_mode = EXCLUSIVE");
    const version = fileVersion(db, options.path);
    configure(db, options);
    db.exec("BEGIN EXCLUSIVE");
    if (version === null) createTables(db, newEpoch);
    else migrate(db, version);
    db.exec("COMMIT");
    return db;
  } catch (error) {
    db?.close();
    throw new Error(describeProblem(error, options.path), { cause: error });
  }
}

/**
 * Makes a folder and those above it. Not with `recursive: true`: where a folder that is there refuses new ones with ENOENT
 * (/proc), that never returns (Node.js 20).
 */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another gateway may have made it in the meantime.
    if (!isFolder(path)) throw error;
  }
}

/** @throws Error (ENOTDIR) if something else is there */
function isFolder(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && !found.isDirectory()) {
    throw Object.assign(new Error(`ENOTDIR: ${path} is no folder`), { code: "ENOTDIR" });
  }
  return found !== undefined;
}

/** The version of the file's schema, null if it is empty. @throws Error if it is someone else's or not known here */
function fileVersion(db: Database.Database, path: string): number | null {
  const tables = db.prepare<[], { n: number }>("SELECT count(*) AS n FROM sqlite_master").get()?.n ?? 0;
  if (tables === 0) return null;
  if (db.pragma("application_id", { simple: true }) !== applicationId) {
    throw new Error(`${path} is a SQLite database of another program; set another path for the log`);
  }
  const version = Number(db.pragma("user_version", { simple: true }));
  if (version !== schemaVersion && !Object.hasOwn(migrations, version)) {
    throw new Error(
      `${path} has schema version ${version} and this Fieldcast knows ${schemaVersion}: ` +
        "start the Fieldcast that wrote it, or move the file away to begin a new log",
    );
  }
  return version;
}

/** Brings an older file to the schema of today; the caller's transaction takes it all or nothing. */
function migrate(db: Database.Database, from: number): void {
  for (let version = from; version < schemaVersion; version++) db.exec(migrations[version] ?? "");
  if (from < schemaVersion) db.pragma(`user_version = ${schemaVersion}`);
}

function configure(db: Database.Database, options: SqliteOptions): void {
  db.pragma("journal_mode = WAL");
  // After the switch to WAL better-sqlite3's build would use NORMAL, whatever it reports.
  db.pragma(`synchronous = ${options.durability === "power-loss" ? "FULL" : "NORMAL"}`);
  db.pragma(`wal_autocheckpoint = ${walPages}`);
  db.pragma(`journal_size_limit = ${walBytes}`);
  if (options.maxFileBytes !== null) {
    const pageBytes = Number(db.pragma("page_size", { simple: true }));
    db.pragma(`max_page_count = ${Math.max(1, Math.floor(options.maxFileBytes / pageBytes))}`);
  }
}

function createTables(db: Database.Database, epoch: string): void {
  db.exec(schema);
  db.prepare("INSERT INTO meta VALUES (1, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0)").run(epoch);
  db.pragma(`application_id = ${applicationId}`);
  db.pragma(`user_version = ${schemaVersion}`);
}

const problems: readonly (readonly [RegExp, (path: string) => string])[] = [
  [
    /^SQLITE_FULL/,
    (path) => `no room for ${path}: free space on its disk; the gateway goes on by itself then`,
  ],
  [
    /^SQLITE_(BUSY|LOCKED)/,
    (path) => `${path} is in use by another process: stop it, or give this gateway another path`,
  ],
  [
    /^SQLITE_NOTADB/,
    (path) => `${path} is not a database: move it away to begin a new log, or set another path`,
  ],
  [
    /^SQLITE_CORRUPT/,
    (path) => `${path} is damaged: it is set aside, and what can be read of it goes into a new file`,
  ],
  [
    /^SQLITE_(READONLY|PERM|CANTOPEN|AUTH)|^E(ACCES|PERM|ROFS|ISDIR|NOTDIR|EXIST|NOENT|INVAL|LOOP|NAMETOOLONG)$/,
    (path) =>
      `${path} cannot be opened for writing: check that its folder exists (or can be made) and belongs to the gateway's user`,
  ],
  [/^SQLITE_IOERR/, (path) => `the disk failed under ${path}: check the disk and the system's log`],
];

/** SQLite's codes for a place that cannot be written: a read-only disk shows as SQLITE_IOERR_LOCK at a start. */
const isPlaceAsked = /^SQLITE_(IOERR|READONLY|CANTOPEN)|^EROFS$/;

/** What of the file's place explains that it cannot be written, null if nothing does. */
function placeProblem(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory()) {
    return `${path} cannot be opened for writing: it is a folder; move it away, or set another path`;
  }
  let place = path;
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  try {
    accessSync(place, constants.W_OK);
  } catch (error) {
    if (codeOf(error) !== "EROFS") return null;
    return `${path} cannot be written: the disk under ${dirname(path)} is read-only; make it writable, or set another folder`;
  }
  return null;
}

/** What an operator needs to know about a failure of the database file. */
export function describeProblem(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `${path}: ${String(error)}`;
  const code = codeOf(error);
  const known = problems.find(([pattern]) => pattern.test(code));
  const detail = error.message.startsWith(code) ? error.message : `${code}: ${error.message}`;
  const place = isPlaceAsked.test(code) ? placeProblem(path) : null;
  if (place !== null) return `${place} (${detail})`;
  if (known) return `${known[1](path)} (${detail})`;
  return error.message.includes(path) ? error.message : `${path}: ${error.message}`;
}

/** SQLite's or the system's code, empty if it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
