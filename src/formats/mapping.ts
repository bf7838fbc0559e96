import { type Domain, domains, type Values } from "../model/reading.ts";
import { freeFlowOf } from "./congestion.ts";
import { parseTopicPattern } from "./contexts.ts";
import { type CsvSettings, headerProblem } from "./csv.ts";
import { maxTextChars, readText } from "./fields.ts";
import type { FormatSettings } from "./format.ts";
import { isObject } from "./json-payload.ts";
import { type Condition, compileConditions } from "./mapping-condition.ts";
import { compileFields, type FieldPlan, kindOf, readConstants } from "./mapping-fields.ts";
import { isPathText, type Path, type Scope } from "./mapping-path.ts";
import { type MappingScope, readKeys, readPath, readZone, refuse } from "./mapping-settings.ts";
import { compileTime, type TimeSource } from "./mapping-time.ts";
import { quote } from "./outcome.ts";

/** Where an id comes from. */
export interface TextSource {
  readonly text: string;
  /** The id; null if the source has none, undefined if what it has is no id. */
  read(scope: Scope): string | null | undefined;
}

/** What a root must be for the mapping's paths to lead anywhere. */
export type RootKind = "object" | "list" | "either" | "any";

/** A mapping, compiled: what is done for every packet, and nothing that could have been done before. */
export interface Mapping {
  readonly domain: Domain;
  readonly device: TextSource;
  readonly channel: TextSource | null;
  /** Null: the time of receipt. */
  readonly time: TimeSource | null;
  readonly each: Path | null;
  /** On the whole message, and on each entry (or row). */
  readonly messageConditions: readonly Condition[];
  readonly entryConditions: readonly Condition[];
  readonly fields: readonly FieldPlan[];
  readonly constants: Values;
  readonly csv: CsvSettings | null;
  readonly root: RootKind;
  /** Speed on the free road in km/h, null if unknown. */
  readonly freeFlowKmh: number | null;
}

const keys = ["domain", "device", "channel", "time", "each", "when", "fields", "constants", "csv"] as const;

/**
 * Compiles `mapping` (its notation, with examples, is config/mappings.md). Every path becomes a function here, once.
 * @throws Error that begins with the path of the key that is wrong, as `mapping.fields.lat.scale`
 */
export function compileMapping(settings: FormatSettings): Mapping {
  const raw = readKeys(settings.mapping, "mapping", keys);
  const zone = readZone(settings.timezone, "timezone", null);
  const levels = readLevels(settings.topicPattern);
  const csv = readCsvSettings(raw["csv"], "mapping.csv");
  const roots = new RootRule(csv);
  const scope: MappingScope = {
    levels,
    zone,
    hasItems: raw["each"] !== undefined,
    seen: (path, at) => roots.add(path, at),
  };
  const domain = readDomain(raw["domain"]);
  if (csv !== null && scope.hasItems)
    refuse("mapping.each", "the rows of csv are the entries; leave each out");
  const each = scope.hasItems ? readPath(raw["each"], "mapping.each", { ...scope, hasItems: false }) : null;
  const constants = readConstants(raw["constants"], "mapping.constants", domain, scope);
  const fields = compileFields(raw["fields"], "mapping.fields", domain, scope);
  for (const { name } of fields) {
    if (Object.hasOwn(constants, name)) refuse(`mapping.constants.${name}`, "it is in fields as well");
  }
  const conditions = compileConditions(raw["when"], "mapping.when", scope);
  checkComplete(domain, new Set([...fields.map(({ name }) => name), ...Object.keys(constants)]));
  return {
    domain,
    device: readTextSource(raw["device"], "mapping.device", scope),
    channel: raw["channel"] === undefined ? null : readTextSource(raw["channel"], "mapping.channel", scope),
    time: raw["time"] === undefined ? null : compileTime(raw["time"], "mapping.time", scope),
    each,
    messageConditions: csv === null ? conditions.filter(({ isCommon }) => isCommon) : [],
    entryConditions: csv === null ? conditions.filter(({ isCommon }) => !isCommon) : conditions,
    fields,
    constants,
    csv,
    root: roots.kind,
    freeFlowKmh: freeFlowOf(settings),
  };
}

/** True for a mapping of this form; other formats have mappings of their own. */
export function isGenericMapping(mapping: unknown): boolean {
  return isObject(mapping) && Object.hasOwn(mapping, "fields") && isObject(mapping["fields"]);
}

/** What the paths into the payload's root say about its type; a path that can never lead anywhere is refused. */
class RootRule {
  readonly #csv: CsvSettings | null;
  kind: RootKind = "any";

  constructor(csv: CsvSettings | null) {
    this.#csv = csv;
  }

  add({ root, first, text }: Path, at: string): void {
    if (root !== "$") return;
    if (this.#csv !== null) return checkColumn(this.#csv, first, text, at);
    if (first === undefined) {
      if (at === "mapping.each" && this.kind === "any") this.kind = "either";
      return;
    }
    const kind = typeof first === "string" ? "object" : "list";
    if ((this.kind === "object" || this.kind === "list") && this.kind !== kind) {
      refuse(
        at,
        `${text}: other paths take the payload for ${this.kind === "list" ? "a list" : "an object"}`,
      );
    }
    this.kind = kind;
  }
}

function checkColumn(
  { header }: CsvSettings,
  first: string | number | undefined,
  text: string,
  at: string,
): void {
  if (first === undefined) refuse(at, `${text}: name a column, as in $.speed or $[0]`);
  if (header === null && typeof first === "string") {
    refuse(at, `${text}: columns have names only with \`header\`; write $[0], or set mapping.csv.header`);
  }
  if (header !== null && typeof first === "number") {
    refuse(at, `${text}: columns with a header go by name, as in $.speed`);
  }
  if (header !== null && header !== true && !header.includes(String(first))) {
    refuse(at, `${text}: there is no such column; the header has ${header.join(", ")}`);
  }
}

function readDomain(raw: unknown): Domain {
  const domain = domains.find((name) => name === raw);
  return domain ?? refuse("mapping.domain", `${quote(raw)} is not one of ${domains.join(", ")}`);
}

function readLevels(pattern: string | undefined): ReadonlyMap<string, number> {
  if (pattern === undefined) return new Map();
  try {
    return parseTopicPattern(pattern).levels;
  } catch (error) {
    return refuse("topicPattern", (error as Error).message);
  }
}

/** What no reading of a domain can do without; said at the start, not with every packet. */
function checkComplete(domain: Domain, names: ReadonlySet<string>): void {
  const needed = {
    gps: ["lat", "lon"],
    transit: ["event"],
    fare: ["quoteId", "origin", "destination", "currency", "amountMinor"],
    energy: [],
    road: [],
  }[domain];
  const missing = needed.find((name) => !names.has(name));
  if (missing !== undefined)
    refuse("mapping.fields", `${missing} is missing; every ${domain} reading needs it`);
  if (needed.length > 0 || [...names].some((name) => kindOf(name, "", domain) !== undefined)) return;
  refuse("mapping.fields", `no ${domain} value among them; the contract's names are in the README`);
}

function readTextSource(raw: unknown, at: string, scope: MappingScope): TextSource {
  if (isPathText(raw)) {
    const path = readPath(raw, at, scope);
    return {
      text: path.text,
      read(from) {
        const value = path.read(from);
        return value === undefined || value === null || value === "" ? null : readText(value);
      },
    };
  }
  const text = readText(raw);
  if (text === undefined) {
    return refuse(
      at,
      `${quote(raw)}; expected a path such as $.id or $topic.1, or a name of at most ${maxTextChars}`,
    );
  }
  return { text, read: () => text };
}

function readCsvSettings(raw: unknown, at: string): CsvSettings | null {
  if (raw === undefined || raw === false) return null;
  if (raw === true) return { separator: ",", header: null };
  const { separator = ",", header } = readKeys(raw, at, ["separator", "header"]);
  if (typeof separator !== "string" || separator.length !== 1 || '"\n\r'.includes(separator)) {
    return refuse(`${at}.separator`, `${quote(separator)} is not one character such as "," or ";"`);
  }
  if (header === undefined || header === false) return { separator, header: null };
  if (header === true) return { separator, header };
  if (!Array.isArray(header) || header.length === 0 || !header.every((name) => typeof name === "string")) {
    return refuse(`${at}.header`, `${quote(header)}; write true, or the list of the columns' names`);
  }
  const problem = headerProblem(header);
  return problem === null ? { separator, header } : refuse(`${at}.header`, problem);
}
