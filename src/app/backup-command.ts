import { join } from "node:path";
import { type Backup, createBackup, readBackupName } from "../http/backup.ts";
import type { Clock } from "../model/clock.ts";
import { silentLogger } from "../observe/log.ts";
import type { Config } from "./config.ts";
import type { Printer } from "./decode-command.ts";
import { openConfiguredLog } from "./open-log.ts";

export interface BackupFlags {
  /** Null to name it by the time. */
  readonly name: string | null;
  /** The running gateway; undefined to open the log's file, for which the gateway must be stopped. */
  readonly url: string | undefined;
}

/** Where a gateway puts its backups. */
export function backupFolder({ dataDir }: Pick<Config, "dataDir">): string {
  return join(dataDir, "backups");
}

/** `fieldcast backup`: copies the log and prints where to. Returns the exit code: 1 if it could not. */
export async function backUp(
  { name, url }: BackupFlags,
  config: Config,
  clock: Clock,
  port: Printer,
): Promise<number> {
  try {
    if (name !== null) readBackupName(name);
    const { path, bytes } = url === undefined ? await copyFile(name, config, clock) : await ask(url, name);
    port.out(`${path} (${bytes} bytes)\n`);
    return 0;
  } catch (error) {
    port.err(`${url ?? config.dataDir}: ${(error as Error).message}\n`);
    return 1;
  }
}

async function copyFile(name: string | null, config: Config, clock: Clock): Promise<Backup> {
  const log = await openConfiguredLog(config, clock, silentLogger);
  try {
    return await createBackup(log, backupFolder(config), name);
  } finally {
    await log.close();
  }
}

async function ask(url: string, name: string | null): Promise<Backup> {
  const target = new URL("/api/v1/backup", url);
  if (name !== null) target.searchParams.set("name", name);
  const response = await fetch(target, { method: "POST" }).catch((error: Error) => {
    throw new Error(
      `the gateway cannot be reached (${String(error.cause ?? error.message)}); if it is stopped, give --data-dir`,
    );
  });
  const body = (await response.json().catch(() => ({}))) as Partial<Backup> & { error?: string };
  if (!response.ok || body.path === undefined || body.bytes === undefined) {
    throw new Error(body.error ?? `it answers with status ${response.status}: is this a Fieldcast gateway?`);
  }
  return { path: body.path, bytes: body.bytes };
}
