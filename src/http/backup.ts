import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../log/contract.ts";
import type { HttpRequest } from "../model/http.ts";
import { isoTime } from "../model/reading.ts";
import { badRequest, refused } from "./answer-descriptions.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { json } from "./json.ts";
import { isSameOrigin } from "./origin.ts";
import type { Parameter } from "./parameters.ts";
import { schemaRef } from "./schemas.ts";

/** Backups in the folder; who asks for more must remove some, so that nobody fills the disk from afar. */
export const maxBackups = 16;

const namePattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$";

/** A backup that was made. */
export interface Backup {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Copies the log to `<folder>/<name>.db`, which can be put in the place of the log's file.
 * @param name null to name it by the time
 * @throws Error (as rejection) that says what is wrong and what to do
 */
export async function createBackup(log: Log, folder: string, name: string | null): Promise<Backup> {
  await mkdir(folder, { recursive: true });
  const count = (await readdir(folder)).filter((file) => file.endsWith(".db")).length;
  if (count >= maxBackups) {
    throw new Error(`${folder} has ${count} backups, the most that are kept there; move some away`);
  }
  const path = join(folder, `${name ?? isoTime(log.time).replaceAll(/[^0-9TZ]/g, "")}.db`);
  await log.backup(path);
  return { path, bytes: (await stat(path)).size };
}

/** The name of a backup. @throws Error if it is no good as the name of a file */
export function readBackupName(text: string): string {
  if (new RegExp(namePattern).test(text)) return text;
  throw new Error(
    "a backup's name has up to 64 letters, digits, hyphens and underscores, such as before-update",
  );
}

const nameParameter: Parameter<string> = {
  description: "What its file is called; the time if absent.",
  schema: { type: "string", pattern: namePattern },
  example: "before-update",
  read: readBackupName,
};

/** `POST /api/v1/backup`. @param folder where backups go; it is made if it is missing */
export function backupEndpoint(log: Log, folder: string): Endpoint {
  let isBusy = false;
  return endpoint({
    method: "POST",
    path: "/api/v1/backup",
    operation: "backup",
    summary: "Copy the log to a file in the gateway's data folder, while it is in use",
    parameters: { name: nameParameter },
    answers: {
      200: { description: "It is made.", content: { "application/json": backupSchema } },
      400: badRequest,
      403: refused,
      409: {
        description: "It cannot be made, for this reason.",
        content: { "application/json": schemaRef("Error") },
      },
    },
    handle: async (request: HttpRequest, { name }) => {
      if (!isSameOrigin(request)) return json(403, { error: "a page of another origin may not do this" });
      if (isBusy) return json(409, { error: "a backup is being made; try again when it is done" });
      isBusy = true;
      try {
        return json(200, await createBackup(log, folder, name));
      } catch (error) {
        return json(409, { error: (error as Error).message });
      } finally {
        isBusy = false;
      }
    },
  });
}

const backupSchema = {
  type: "object",
  required: ["path", "bytes"],
  additionalProperties: false,
  properties: {
    path: { type: "string", description: "On the gateway's machine." },
    bytes: { type: "integer", minimum: 0 },
  },
} as const;
