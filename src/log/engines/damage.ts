import { writeFileSync } from "node:fs";
import type { Damage } from "../engine.ts";
import { codeOf } from "./sqlite-schema.ts";

/** Whether SQLite says that the file itself is bad. */
export function isDamage(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(codeOf(cause))) return true;
  }
  return false;
}

/** What `isDamage` knows, for damage that SQLite does not see by itself. */
export function damageError(message: string): Error {
  return Object.assign(new Error(message), { code: "SQLITE_CORRUPT" });
}

/** Beside a log that was found to be damaged while in use. */
export function damageNotePath(path: string): string {
  return `${path}.is-damaged`;
}

/** Notes that the file was found to be damaged while in use, so that whoever opens it next sets it aside (recovery.ts). */
export function noteDamage(path: string): void {
  try {
    writeFileSync(
      damageNotePath(path),
      "this log was found to be damaged; it is set aside when it is opened next\n",
    );
  } catch {
    // Then the next start finds out by itself, or not before the log is in use again.
  }
}

/** Damaged places that are remembered, so that each is told once. */
const maxKnown = 10_000;

/** Tells of damaged places, of each once, however often somebody reads there. */
export class DamageTeller {
  readonly #tell: (damage: Damage) => void;
  readonly #known = new Set<string>();

  constructor(tell: (damage: Damage) => void) {
    this.#tell = tell;
  }

  found(damage: Damage): void {
    const key = `${damage.copy} ${damage.from} ${damage.to}`;
    if (this.#known.has(key) || this.#known.size >= maxKnown) return;
    this.#known.add(key);
    this.#tell(damage);
  }
}
