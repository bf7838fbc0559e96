import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Temporary folders of the bench, removed at the latest when it ends. */
const folders = new Set<string>();
process.on("exit", () => {
  for (const folder of folders) remove(folder);
});

/** A new folder under the system's temporary folder. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fieldcast-bench-"));
  folders.add(folder);
  return folder;
}

/** Removes a folder of `makeFolder` with all that is in it. */
export function removeFolder(folder: string): void {
  remove(folder);
  folders.delete(folder);
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
