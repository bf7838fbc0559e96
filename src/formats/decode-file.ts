import { basename, dirname } from "node:path";
import type { Clock } from "../model/clock.ts";
import { isoTime, isTime, type Reading } from "../model/reading.ts";
import type { Context, RouterSettings } from "./contexts.ts";
import { isObject, type JsonObject, maxPayloadBytes } from "./json-payload.ts";
import { quote } from "./outcome.ts";
import { allFormats, createRouter } from "./registry.ts";
import type { Route, Router } from "./router.ts";
import { parseTime } from "./time.ts";

/** A reading as people see it: the time as ISO 8601 UTC. */
export type ReadingRow = Omit<Reading, "time"> & { readonly time: string };

/** What `fieldcast decode` prints for one message. */
export interface DecodedRow {
  readonly file: string;
  readonly name: string;
  readonly readings: readonly ReadingRow[];
  readonly rejected: string | null;
}

/** A parsed file of messages (the fixtures' shape). */
export interface MessageFile {
  /** Its path, as it shall stand in the rows. */
  readonly file: string;
  readonly messages: readonly unknown[];
}

/** A message in its file. */
interface Entry {
  readonly file: string;
  readonly message: unknown;
  readonly name: string;
  /** Files of one folder share their groups, since a group may begin in one and go on in the next; null for none. */
  readonly group: string | null;
}

/**
 * Decodes files of messages and gives one row per message, in the order given. Messages of a group share one decoder and
 * are fed to it in step order; any other message has a decoder of its own. The clock of a message is its `receivedAt`;
 * `clock` serves where that is missing. A message's (or group's) own `context` takes the place of the contexts in
 * `settings`.
 */
export function decodeMessages(
  files: readonly MessageFile[],
  clock: Clock,
  settings: RouterSettings = {},
): DecodedRow[] {
  const entries = files.flatMap(entriesOf);
  const routers = new Routers(entries, settings);
  const rows: DecodedRow[] = new Array(entries.length);
  for (const at of inStepOrder(entries)) rows[at] = decodeEntry(entries[at] as Entry, routers, clock);
  return rows;
}

/**
 * Decodes one parsed file, as `decodeMessages` does.
 * @throws Error if `content` is not a list of messages
 */
export function decodeFile(
  file: string,
  content: unknown,
  clock: Clock,
  settings: RouterSettings = {},
): DecodedRow[] {
  return decodeMessages([{ file, messages: listOf(content) }], clock, settings);
}

/** The messages of a parsed file. @throws Error if it is not a list */
export function listOf(content: unknown): readonly unknown[] {
  if (!Array.isArray(content)) throw new Error("a JSON list of messages is expected");
  return content;
}

function entriesOf({ file, messages }: MessageFile): Entry[] {
  return messages.map((message, at) => {
    const { name, group } = isObject(message) ? message : {};
    return {
      file,
      message,
      name: typeof name === "string" ? name : `#${at + 1}`,
      group: typeof group === "string" ? `${dirname(file)}: ${group}` : null,
    };
  });
}

/** Indexes of the messages: the order given, but steps of a group in their own order among themselves. */
function inStepOrder(entries: readonly Entry[]): number[] {
  const groups = new Map<string, number[]>();
  for (const [at, { group }] of entries.entries()) {
    if (group === null) continue;
    const indexes = groups.get(group);
    if (indexes === undefined) groups.set(group, [at]);
    else indexes.push(at);
  }
  const stepAt = (at: number) => stepOf(entries[at]?.message);
  for (const indexes of groups.values()) indexes.sort((a, b) => stepAt(a) - stepAt(b)).reverse();
  return entries.map(({ group }, at) => (group === null ? at : (groups.get(group)?.pop() ?? at)));
}

function stepOf(message: unknown): number {
  return isObject(message) && typeof message["step"] === "number" ? message["step"] : 0;
}

function decodeEntry(entry: Entry, routers: Routers, clock: Clock): DecodedRow {
  const { file, name, message } = entry;
  const result = isObject(message)
    ? decodeMessage(message, (topic) => routers.find(entry, topic), clock)
    : `${quote(message)} is not a message`;
  return typeof result === "string"
    ? { file, name, readings: [], rejected: result }
    : { file, name, readings: result.readings, rejected: result.rejected };
}

type MessageResult = { readonly readings: readonly ReadingRow[]; readonly rejected: string | null };

function decodeMessage(
  message: JsonObject,
  routeOf: (topic: string) => Route | null | string,
  clock: Clock,
): MessageResult | string {
  const topic = message["topic"];
  if (typeof topic !== "string") return `topic: ${quote(topic)}; a message needs one`;
  const payload = messagePayload(message);
  if (typeof payload === "string") return payload;
  const receivedAt =
    message["receivedAt"] === undefined ? clock.now() : parseTime(message["receivedAt"], null, 0);
  if (receivedAt === null || !isTime(receivedAt)) {
    return `receivedAt: ${quote(message["receivedAt"])} is not a time`;
  }
  const route = routeOf(topic);
  if (typeof route === "string") return route;
  if (route === null) return `topic: no format claims ${quote(topic)}`;
  const { readings, rejected } = route.decode({ topic, payload, receivedAt, client: null });
  return {
    readings: readings.map((reading) => ({ ...reading, time: isoTime(reading.time) })),
    rejected: rejected === null ? null : inOwnWords(rejected),
  };
}

/** The routers of a run: one per group, and one for each message on its own. */
class Routers {
  readonly #settings: RouterSettings;
  /** What the messages of each group say of their source, taken together. */
  readonly #contexts = new Map<string, JsonObject>();
  readonly #routers = new Map<string, Router>();

  constructor(entries: readonly Entry[], settings: RouterSettings) {
    this.#settings = settings;
    for (const { group, message } of entries) {
      if (group !== null) this.#contexts.set(group, { ...this.#contexts.get(group), ...contextOf(message) });
    }
  }

  /**
   * The route of a message's topic, null if no format reads it; a reason if its context is wrong. Some formats have topics
   * that are the owner's choice: where none claims the topic, the folder of the file names the format, as the fixtures' do.
   */
  find(entry: Entry, topic: string): Route | null | string {
    const router = this.#router(entry, topic, null);
    const route = typeof router === "string" ? router : router(topic);
    const folder = basename(dirname(entry.file));
    if (route !== null || !allFormats.some(({ name }) => name === folder)) return route;
    const named = this.#router(entry, topic, folder);
    return typeof named === "string" ? named : named(topic);
  }

  #router({ group, message }: Entry, topic: string, format: string | null): Router | string {
    const key = `${format ?? ""} ${group}`;
    const known = group === null ? undefined : this.#routers.get(key);
    if (known !== undefined) return known;
    const own = (group === null ? contextOf(message) : this.#contexts.get(group)) ?? {};
    const context = format === null ? own : { ...own, format };
    try {
      const router = createRouter(withContext(this.#settings, context, group === null ? topic : "#"));
      if (group !== null) this.#routers.set(key, router);
      return router;
    } catch (error) {
      return inOwnWords(error instanceof Error ? error.message : String(error));
    }
  }
}

function contextOf(message: unknown): JsonObject {
  return isObject(message) && isObject(message["context"]) ? message["context"] : {};
}

/** The settings with a message's own context in the place of the config's. */
function withContext(settings: RouterSettings, context: JsonObject, topic: string): RouterSettings {
  if (Object.keys(context).length === 0) return settings;
  return { ...settings, contexts: [{ ...(context as Partial<Context>), topic }] };
}

/** The file has one context per message, and no list of them. */
function inOwnWords(reason: string): string {
  return reason.replace(/^contexts\.0\./, "context.");
}

/** The bytes that the message describes; a reason if it describes none. */
export function messagePayload(message: JsonObject): Uint8Array | string {
  const { encoding, payload } = message;
  if (encoding === "json") return new TextEncoder().encode(JSON.stringify(payload) ?? "");
  if (encoding === "generator") return generate(payload);
  if (typeof payload !== "string")
    return `payload: ${quote(payload)}; encoding ${quote(encoding)} needs text`;
  if (encoding === "utf8") return new TextEncoder().encode(payload);
  if (encoding === "base64") return Buffer.from(payload, "base64");
  return `encoding: ${quote(encoding)} is not one of json, utf8, base64, generator`;
}

/** Largest generated payload, in characters: over every format's limit, and still small. */
const maxGeneratedChars = 16 * maxPayloadBytes;

/** Builds `repeat`, `keys` and `nest` payloads, as the fixtures' README defines them. */
function generate(payload: unknown): Uint8Array | string {
  const generator = isObject(payload) ? payload["generator"] : undefined;
  if (!isObject(generator)) return "payload.generator: an object is expected";
  const text = (name: string): string => (typeof generator[name] === "string" ? generator[name] : "");
  const count = Number(generator[generator["kind"] === "nest" ? "depth" : "count"]);
  const unitChars =
    text("unit").length + text("template").length + text("open").length + text("close").length;
  if (!(count >= 0 && count * (unitChars + 8) <= maxGeneratedChars))
    return "payload.generator: too large, or no count";
  const body = generateBody(generator["kind"], text, Math.floor(count));
  if (body === null)
    return `payload.generator.kind: ${quote(generator["kind"])} is not one of repeat, keys, nest`;
  return new TextEncoder().encode(text("prefix") + body + text("suffix"));
}

function generateBody(kind: unknown, text: (name: string) => string, count: number): string | null {
  if (kind === "repeat") return text("unit").repeat(count);
  if (kind === "nest") return text("open").repeat(count) + text("core") + text("close").repeat(count);
  if (kind !== "keys") return null;
  const template = text("template");
  return Array.from({ length: count }, (_, at) => template.replaceAll("%d", String(at))).join("");
}
