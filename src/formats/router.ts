import { hasWildcard } from "../model/filter.ts";
import type { Decoded, Packet } from "../model/packet.ts";
import { BoundedMap, declareLimit } from "./bounded.ts";
import { type Context, parseTopicPattern, type RouterSettings } from "./contexts.ts";
import type { Decode, Format, FormatHost, FormatSettings } from "./format.ts";
import { genericJson } from "./generic-json.ts";
import { isHostileName, maxPayloadBytes } from "./json-payload.ts";
import { isGenericMapping } from "./mapping.ts";
import { reject } from "./outcome.ts";
import { patternsOverlap, TopicTrie } from "./topic-trie.ts";

/** The format that reads a topic. */
export interface Route {
  readonly name: string;
  readonly decode: Decode;
}

/** The route of a topic, null if nothing reads it. */
export type Router = (topic: string) => Route | null;

/** Most topics whose route is remembered; the oldest is forgotten first. */
const routeLimit = declareLimit("remembered-routes", 10_000);

/** Most topics that decoders may claim for what they discovered; a further claim is refused. */
export const maxClaimedTopics = 10_000;

/** Settings of some topics, and the decoders that were made with them so far: one per format. */
interface Source {
  /** Where the settings stand (`contexts.3.`), for messages. */
  readonly label: string;
  readonly settings: FormatSettings;
  /** The format that reads these topics whatever claims them; null if that is left open. */
  readonly format: Format | null;
  readonly routes: Map<string, Route>;
}

/** Decides by topic which format reads it, with which settings; keeps one decoder per context and format. */
export class TopicRouter {
  readonly #formats: readonly Format[];
  readonly #claims = new TopicTrie<Format>();
  readonly #contexts = new TopicTrie<Source>();
  readonly #everywhere: Source;
  /** Exact topics that decoders claimed. */
  readonly #claimed = new Map<string, Route>();
  readonly #cache = new BoundedMap<string, Route | null>(routeLimit);

  /** @throws Error when two patterns are the same or a setting is wrong; the message begins with the setting's path */
  constructor({ timezone, contexts = [] }: RouterSettings, formats: readonly Format[]) {
    this.#formats = formats;
    const common: FormatSettings = timezone === undefined ? {} : { timezone };
    this.#everywhere = { label: "", settings: common, format: null, routes: new Map() };
    for (const format of formats) this.#addFormat(format);
    for (const [at, context] of contexts.entries()) this.#addContext(`contexts.${at}.`, context, common);
  }

  /** Nodes visited by all look-ups: their cost. */
  get visits(): number {
    return this.#claims.visits + this.#contexts.visits;
  }

  /** The route of a topic, null if nothing reads it. */
  find(topic: string): Route | null {
    const known = this.#cache.get(topic);
    if (known !== undefined) return known;
    let route = topic.startsWith("$") ? null : this.#choose(topic);
    if (route !== null && topic.split("/").some(isHostileName)) {
      route = rejecting(route.name, "topic: a level is a reserved name; rename the device");
    }
    this.#cache.set(topic, route);
    return route;
  }

  #addFormat(format: Format): void {
    for (const pattern of format.topics) {
      const other = this.#claims.add(pattern, format);
      if (other !== null) throw new Error(`${pattern} is claimed by ${other.name} and ${format.name}`);
    }
    if (format.topics.length > 0) this.#create(this.#everywhere, format);
  }

  #addContext(label: string, context: Context, common: FormatSettings): void {
    const { topic, format: formatName, ...own } = context;
    const filter = readPattern(topic, label);
    const format = formatName === undefined ? null : this.#named(formatName, label);
    // A generic mapping says so clearly how these topics are read that a format's claim on them cannot be meant.
    const chosen = format ?? (isGenericMapping(own.mapping) ? genericJson : null);
    const named = topic === filter || own.topicPattern !== undefined ? {} : { topicPattern: topic };
    const settings = { ...common, ...(chosen === null ? {} : named), ...own };
    const source: Source = { label, settings, format: chosen, routes: new Map() };
    const other = this.#contexts.add(filter, source);
    if (other !== null)
      throw new Error(`${label}topic: ${topic} matches the same topics as ${other.label}topic`);
    const only = chosen ?? this.#onlyFormat(filter, settings);
    if (only !== null) this.#create(source, only);
  }

  #named(name: string, label: string): Format {
    const format = this.#formats.find((one) => one.name === name);
    if (format !== undefined) return format;
    throw new Error(
      `${label}format: there is no format ${JSON.stringify(name)}; \`fieldcast formats\` lists them`,
    );
  }

  /** The one format that can be meant by a context's topics, so that its settings are checked at once. */
  #onlyFormat(filter: string, { mapping }: FormatSettings): Format | null {
    const possible = this.#formats.filter(({ topics }) =>
      topics.some((claim) => patternsOverlap(claim, filter)),
    );
    if (possible.length === 0) return mapping === undefined ? null : genericJson;
    return possible.length === 1 ? (possible[0] as Format) : null;
  }

  #choose(topic: string): Route | null {
    const source = this.#contexts.find(topic) ?? this.#everywhere;
    const format = source.format ?? this.#claims.find(topic);
    if (format !== null) return this.#routeOf(source, format);
    if (source.settings.mapping !== undefined) return this.#routeOf(source, genericJson);
    return this.#claimed.get(topic) ?? null;
  }

  #routeOf(source: Source, format: Format): Route {
    const known = source.routes.get(format.name);
    if (known !== undefined) return known;
    try {
      return this.#create(source, format);
    } catch (error) {
      const broken = rejecting(format.name, error instanceof Error ? error.message : String(error));
      source.routes.set(format.name, broken);
      return broken;
    }
  }

  /** @throws Error when a setting is wrong */
  #create(source: Source, format: Format): Route {
    let route: Route | null = null;
    const host: FormatHost = {
      claim: (topic) => route !== null && this.#claim(topic, route),
      release: (topic) => {
        if (route !== null) this.#release(topic, route);
      },
    };
    try {
      route = { name: format.name, decode: guard(format.name, format.create(source.settings, host)) };
    } catch (error) {
      throw new Error(`${source.label}${error instanceof Error ? error.message : String(error)}`);
    }
    source.routes.set(format.name, route);
    return route;
  }

  #claim(topic: string, route: Route): boolean {
    const holder = this.#claimed.get(topic);
    if (holder !== undefined) return holder === route;
    if (topic === "" || hasWildcard(topic) || this.#claimed.size >= maxClaimedTopics) return false;
    this.#claimed.set(topic, route);
    this.#cache.delete(topic);
    return true;
  }

  #release(topic: string, route: Route): void {
    if (this.#claimed.get(topic) !== route) return;
    this.#claimed.delete(topic);
    this.#cache.delete(topic);
  }
}

function readPattern(topic: string, label: string): string {
  try {
    return parseTopicPattern(topic).filter;
  } catch (error) {
    throw new Error(`${label}topic: ${(error as Error).message}`);
  }
}

function rejecting(name: string, reason: string): Route {
  return { name, decode: () => reject(reason) };
}

/** What holds for every format, whatever it reads: the size limit, and that a fault of ours costs one packet only. */
function guard(name: string, decode: Decode): Decode {
  return (packet: Packet): Decoded => {
    if (packet.payload.length >= maxPayloadBytes) {
      return reject(`payload: ${packet.payload.length} bytes; send less than ${maxPayloadBytes}`);
    }
    try {
      return decode(packet);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return reject(`the ${name} format failed (${message}); this is a fault in Fieldcast, please report it`);
    }
  };
}
