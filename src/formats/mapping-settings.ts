import { isObject, type JsonObject } from "./json-payload.ts";
import { compilePath, type Path } from "./mapping-path.ts";
import { quote } from "./outcome.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/** What the parts of a mapping need to know of the whole while they are compiled. */
export interface MappingScope {
  /** Numbers of the topic pattern's named levels. */
  readonly levels: ReadonlyMap<string, number>;
  /** False where `@` and `$key` have no meaning. */
  readonly hasItems: boolean;
  /** Zone of local times, null if unknown. */
  readonly zone: TimeZone | null;
  /** Told of every path, so that the type of the payload's root can be checked. */
  seen(path: Path, at: string): void;
}

/** A wrong mapping. @throws Error always; the message begins with the key's path, so that the config's line is found */
export function refuse(at: string, reason: string): never {
  throw new Error(`${at}: ${reason}`);
}

/** The object at `at`, with no keys but these. @throws Error otherwise */
export function readKeys(raw: unknown, at: string, keys: readonly string[]): JsonObject {
  if (!isObject(raw)) refuse(at, `${quote(raw)}; expected keys and values: ${keys.join(", ")}`);
  for (const key of Object.keys(raw)) {
    if (!keys.includes(key)) refuse(`${at}.${key}`, `there is no such key; use ${keys.join(", ")}`);
  }
  return raw;
}

/** A finite number that a mapping states, `otherwise` where it states none. @throws Error for anything else */
export function readFactor(raw: unknown, at: string, otherwise: number): number {
  if (raw === undefined) return otherwise;
  if (typeof raw === "number" && Number.isFinite(raw)) return raw;
  return refuse(at, `${quote(raw)} is not a number`);
}

/** The path at `at`. @throws Error when it is none, or has no meaning there */
export function readPath(raw: unknown, at: string, scope: MappingScope): Path {
  if (typeof raw !== "string") return refuse(at, `${quote(raw)}; expected a path such as $.pos.lat`);
  let path: Path;
  try {
    path = compilePath(raw.trim(), scope.levels);
  } catch (error) {
    return refuse(at, (error as Error).message);
  }
  checkPath(path, at, scope);
  return path;
}

/** @throws Error when a path has no meaning where it stands */
export function checkPath(path: Path, at: string, scope: MappingScope): void {
  if (!scope.hasItems && (path.root === "@" || path.root === "$key")) {
    refuse(at, `${path.text}: @ and $key are the entries of \`each\`; this mapping has none, use $`);
  }
  scope.seen(path, at);
}

/** The zone at `at`, or the one of the whole mapping. @throws Error when there is no such zone */
export function readZone(raw: unknown, at: string, otherwise: TimeZone | null): TimeZone | null {
  if (raw === undefined) return otherwise;
  try {
    return timeZone(String(raw));
  } catch {
    return refuse(at, `${quote(raw)} is not an IANA zone; write one like "Europe/Berlin"`);
  }
}
