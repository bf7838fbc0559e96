import { filterProblem } from "../model/filter.ts";
import type { Decoded, Packet } from "../model/packet.ts";
import { digitraffic } from "./digitraffic.ts";
import { fares } from "./fares.ts";
import type { Decode, Format, FormatHost, FormatSettings } from "./format.ts";
import { hslHfp } from "./hsl-hfp.ts";
import { isHostileName, maxPayloadBytes } from "./json-payload.ts";
import { native } from "./native.ts";
import { reject } from "./outcome.ts";
import { owntracks } from "./owntracks.ts";
import { tasmota } from "./tasmota.ts";

/** Every format there is. To add one: its file, its fixture, its line here. */
export const allFormats: readonly Format[] = [native, owntracks, tasmota, digitraffic, hslHfp, fares];

/** The format that reads a topic. */
interface Route {
  readonly name: string;
  readonly decode: Decode;
}

/** The route of a topic, null if no format claims it. */
export type Router = (topic: string) => Route | null;

/** Most topics whose route is remembered; the oldest is forgotten first. */
const maxCachedTopics = 10_000;

/**
 * Builds a router with fresh decoders. The most specific claim wins, level by level: a name before `+` before `#`, and
 * a claim on the first levels before one on the last (`#/tele/SENSOR`). The cost of a look-up is that of the topic's
 * levels, not of the number of claims.
 * @throws Error when two formats claim the same pattern or a setting is wrong
 */
export function createRouter(settings: FormatSettings, formats: readonly Format[] = allFormats): Router {
  const heads = createNode();
  const tails = createNode();
  for (const format of formats) {
    const route = { name: format.name, decode: guard(format.name, format.create(settings, noHost)) };
    for (const pattern of format.topics) addClaim(heads, tails, pattern, route);
  }
  const cache = new Map<string, Route | null>();
  return (topic) => {
    const known = cache.get(topic);
    if (known !== undefined) return known;
    const route = findRoute(heads, tails, topic);
    if (cache.size >= maxCachedTopics) cache.delete(cache.keys().next().value as string);
    cache.set(topic, route);
    return route;
  };
}

const noHost: FormatHost = { claim: () => false, release: () => {} };

/** A level of the trie of claims. */
interface Node {
  readonly named: Map<string, Node>;
  /** Below `+`. */
  any: Node | null;
  /** The claim that ends here. */
  end: Route | null;
  /** The claim that ends here with `#`. */
  rest: Route | null;
}

function createNode(): Node {
  return { named: new Map(), any: null, end: null, rest: null };
}

function addClaim(heads: Node, tails: Node, pattern: string, route: Route): void {
  const isTail = pattern.startsWith("#/");
  const problem = filterProblem(isTail ? pattern.slice(2) : pattern);
  if (problem !== null) throw new Error(`${route.name}: ${pattern}: ${problem}`);
  const levels = pattern.split("/");
  // Read backwards, `#/tele/SENSOR` is an ordinary filter: SENSOR, tele, #.
  if (isTail) levels.reverse();
  const toRest = levels.at(-1) === "#";
  if (toRest) levels.pop();
  let node = isTail ? tails : heads;
  for (const level of levels) {
    let next = level === "+" ? node.any : (node.named.get(level) ?? null);
    if (next === null) {
      next = createNode();
      if (level === "+") node.any = next;
      else node.named.set(level, next);
    }
    node = next;
  }
  const other = toRest ? node.rest : node.end;
  if (other !== null) throw new Error(`${pattern} is claimed by ${other.name} and ${route.name}`);
  if (toRest) node.rest = route;
  else node.end = route;
}

function findRoute(heads: Node, tails: Node, topic: string): Route | null {
  // Server topics are the broker's own (MQTT 3.1.1, 4.7.2).
  if (topic.startsWith("$")) return null;
  const levels = topic.split("/");
  const head = heads.named.get(levels[0] as string);
  const route =
    (head === undefined ? null : match(head, levels, 1)) ??
    match(tails, levels.toReversed(), 0) ??
    match({ ...heads, named: new Map() }, levels, 0);
  if (route === null || !levels.some(isHostileName)) return route;
  return { name: route.name, decode: () => reject("topic: a level is a reserved name; rename the device") };
}

function match(node: Node, levels: readonly string[], at: number): Route | null {
  if (at === levels.length) return node.end ?? node.rest;
  const named = node.named.get(levels[at] as string);
  const route = named === undefined ? null : match(named, levels, at + 1);
  if (route !== null) return route;
  return (node.any === null ? null : match(node.any, levels, at + 1)) ?? node.rest;
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
