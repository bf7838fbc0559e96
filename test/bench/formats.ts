import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { messagePayload } from "../../src/formats/decode-file.ts";
import type { FormatSettings } from "../../src/formats/format.ts";
import { allFormats, createRouter } from "../../src/formats/registry.ts";
import type { Router } from "../../src/formats/router.ts";
import type { Decoded, Packet } from "../../src/model/packet.ts";
import { median } from "./table.ts";

/** A message of the fixtures (test/fixtures/formats/README.md), as far as it is measured. */
interface Message {
  readonly name: string;
  readonly topic: string;
  readonly encoding: string;
  readonly receivedAt: string;
  readonly context?: FormatSettings;
  readonly group?: string;
  readonly step?: number;
}

/** What one message costs. */
export interface MessageCost {
  readonly format: string;
  readonly message: string;
  readonly bytes: number;
  readonly decodeUs: number;
  /** Bytes to text to JSON.parse; null for payloads that are no JSON object or list. */
  readonly parseUs: number | null;
  /** The middle of the rounds' ratios of the two; null likewise. */
  readonly ratio: number | null;
}

/** What finding a topic's format costs. */
export interface RoutingCost {
  readonly contexts: number;
  readonly newTopicUs: number;
  readonly knownTopicUs: number;
}

export interface FormatCosts {
  readonly rounds: number;
  readonly messages: readonly MessageCost[];
  readonly routing: readonly RoutingCost[];
}

/** How long the calls between two looks at the clock take together. */
const batchMs = 0.3;

/** Calls before the first measured one, fewer of those that take long: V8 has compiled by then what it will compile. */
const warmUpCalls = 10_000;
const maxWarmUpMs = 100;

/** Distinct topics that are looked up: more than a router remembers, so that each look-up is a first one. */
const newTopics = 20_000;

/** Measures every format on its published messages. Decoding and parsing take turns, so that what disturbs one disturbs both. */
export function measureFormats(rounds: number): FormatCosts {
  const all = allFormats.flatMap(({ name }) => pairsOf(name));
  for (const { decode, parse } of all) {
    runFor(decode, maxWarmUpMs, warmUpCalls);
    if (parse !== null) runFor(parse, maxWarmUpMs, warmUpCalls);
  }
  const messages = all.map((pair) => measurePair(pair, rounds));
  return { rounds, messages, routing: [5, 500].map((contexts) => measureRouting(contexts, rounds)) };
}

/** A message, ready to be decoded and parsed again and again. */
interface Pair {
  readonly format: string;
  readonly message: string;
  readonly bytes: number;
  readonly decode: () => unknown;
  readonly parse: (() => unknown) | null;
}

function pairsOf(format: string): Pair[] {
  const folder = join(import.meta.dirname, "../../../test/fixtures/formats", format);
  // A format of our own (native) has no published messages.
  const files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  const name = files.includes("public.json") ? "public.json" : (files[0] as string);
  const messages = JSON.parse(readFileSync(join(folder, name), "utf8")) as Message[];
  return messages.flatMap((message) => pairOf(format, message, before(message, messages)) ?? []);
}

/** The messages of the same group whose step is earlier, in order. */
function before({ group, step = 0 }: Message, messages: readonly Message[]): Message[] {
  const earlier = messages.filter(
    (one) => group !== undefined && one.group === group && (one.step ?? 0) < step,
  );
  return earlier.sort((one, other) => (one.step ?? 0) - (other.step ?? 0));
}

/**
 * A message with a decoder that has seen what came before it in its group. Null for one that says nothing (a will, a
 * command) or is refused: it costs next to nothing, or tells about errors only.
 */
function pairOf(format: string, message: Message, earlier: readonly Message[]): Pair | null {
  const context = Object.assign({}, ...earlier.map((one) => one.context), message.context) as FormatSettings;
  const contexts =
    Object.keys(context).length === 0
      ? []
      : [{ ...context, topic: earlier.length === 0 ? message.topic : "#" }];
  const router = createRouter({ contexts });
  for (const one of earlier) decoderOf(router, packetOf(one))();
  const packet = packetOf(message);
  const { payload } = packet;
  const decode = decoderOf(router, packet);
  decode();
  const { readings, rejected } = decode();
  if (readings.length === 0 || rejected !== null) return null;
  const isJson = payload[0] === 0x7b || payload[0] === 0x5b;
  const parse = isJson ? () => JSON.parse(payload.toString()) as unknown : null;
  return { format, message: message.name, bytes: payload.length, decode, parse };
}

function packetOf(message: Message) {
  const built = messagePayload({ ...message });
  if (typeof built === "string") throw new Error(`${message.name}: ${built}`);
  const { topic, receivedAt } = message;
  return { topic, payload: Buffer.from(built), receivedAt: Date.parse(receivedAt), client: null };
}

function decoderOf(router: Router, packet: Packet): () => Decoded {
  return () => router(packet.topic)?.decode(packet) ?? { readings: [], rejected: null };
}

function measurePair({ decode, parse, ...known }: Pair, rounds: number): MessageCost {
  const calls = callsIn(decode, batchMs);
  const parseCalls = parse === null ? 0 : callsIn(parse, batchMs);
  const decoded: number[] = [];
  const parsed: number[] = [];
  for (let round = 0; round < rounds; round++) {
    decoded.push(timeUs(decode, calls));
    if (parse !== null) parsed.push(timeUs(parse, parseCalls));
  }
  const ratios = parsed.map((us, at) => (decoded[at] as number) / us);
  return {
    ...known,
    decodeUs: median(decoded),
    parseUs: parse === null ? null : median(parsed),
    ratio: parse === null ? null : median(ratios),
  };
}

/** Keeps what was made, so that no call can be left out as useless. */
let sink: unknown = null;

function timeUs(call: () => unknown, calls: number): number {
  const startedAt = performance.now();
  for (let at = 0; at < calls; at++) sink = call();
  return ((performance.now() - startedAt) * 1_000) / calls;
}

function runFor(call: () => unknown, ms: number, maxCalls = Number.POSITIVE_INFINITY): number {
  const until = performance.now() + ms;
  let calls = 0;
  for (; calls < maxCalls && performance.now() < until; calls++) sink = call();
  return calls;
}

function callsIn(call: () => unknown, ms: number): number {
  return Math.max(1, runFor(call, ms));
}

function measureRouting(count: number, rounds: number): RoutingCost {
  const mapping = { domain: "energy", device: "$topic.1", fields: { powerW: "$.p" } };
  const contexts = Array.from({ length: count }, (_, at) => ({ topic: `site-${at}/+/stats`, mapping }));
  const router = createRouter({ contexts });
  const topics = Array.from({ length: newTopics }, (_, at) => `site-${at % count}/meter-${at}/stats`);
  const known = topics.slice(-100);
  const lookUp = (list: readonly string[]) => timeUs(() => list.forEach(router), 1) / list.length;
  lookUp(topics);
  const all = Array.from({ length: rounds }, () => ({ fresh: lookUp(topics), known: lookUp(known) }));
  return {
    contexts: count,
    newTopicUs: median(all.map((one) => one.fresh)),
    knownTopicUs: median(all.map((one) => one.known)),
  };
}

/** The process that measures: answers `{rounds}` with the costs. */
export function runFormatsWorker(): void {
  process.on("message", ({ rounds }: { rounds: number }) => {
    process.send?.({ answer: measureFormats(rounds) });
    if (sink === undefined) process.exitCode = 1;
    process.disconnect();
  });
}
