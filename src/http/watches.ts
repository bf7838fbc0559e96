import type { Log } from "../log/contract.ts";
import type { Reading, Values } from "../model/reading.ts";
import { badRequest, refused, unavailable } from "./answer-descriptions.ts";
import { type AnswerDescription, type Endpoint, endpoint } from "./endpoint.ts";
import { json } from "./json.ts";
import { isSameOrigin } from "./origin.ts";
import { textParameter } from "./parameter-kinds.ts";
import { schemaRef } from "./schemas.ts";

/** A watch in the words of the configuration (`insights.fares.watches`). */
export type WatchWords = Readonly<Record<string, string | number>>;

/** What the configuration says of watches. */
export interface WatchRules {
  /** Watches that it names itself. */
  readonly configured: readonly WatchWords[];
  /** Most beside those. */
  readonly maxAsked: number;
  /** Reads a watch by the same schema. Returns what is wrong with it as text, beginning with the key. */
  read(words: WatchWords): WatchWords | string;
}

const texts = {
  name: "Its name; one that is there already gets the new words.",
  from: "Where the journey begins, as the quotes have it: `HEL`.",
  to: "Where it ends.",
  currency: "Only quotes in this currency count (ISO 4217).",
  cabin: "Only this cabin.",
  flight: "Only this flight: `ZZ803`.",
  departs: "Only departures on this local date: `2026-12-24`.",
  below: "Fires below this price, in whole units: `120` or `119.90`.",
  above: "Fires above this price.",
} as const;
const percents = {
  dropsPct: "Fires when the price is so much below the highest since it last fired, in percent.",
  risesPct: "Fires when it is so much above the lowest since it last fired, in percent.",
  changesPct: "Fires either way, in percent.",
} as const;
const keys = [...Object.keys(texts), ...Object.keys(percents)].filter((key) => key !== "name");

const parameters = Object.fromEntries(
  Object.entries({ ...texts, ...percents }).map(([name, text]) => [name, textParameter(text)]),
);

/**
 * `/api/v1/watches`: watches on fares that people ask for while the gateway runs. Each wish is a reading of `watches/asked/<name>`,
 * which the insight `fares` reads in the log.
 * @param rules null if that insight does not run
 */
export function watchEndpoints(log: Log, rules: WatchRules | null): Endpoint[] {
  return [listEndpoint(log, rules), createEndpoint(log, rules), removeEndpoint(log, rules)];
}

/**
 * Asks again for what the ring has dropped since, so that an insight which is made anew from the ring knows of it. To be called
 * before the insights start.
 */
export async function renewWatches(log: Log): Promise<void> {
  const old = log
    .latest(askedFilter)
    .filter(({ seq, values }) => seq < log.oldest && values["isActive"] === true);
  const readings = old.map(({ topic, values, time }) => {
    return wish(topic.name.slice("watches/asked/".length), values, Math.max(log.time, time));
  });
  if (readings.length > 0) await log.append({ readings });
}

const askedFilter = "watches/asked/+";

function listEndpoint(log: Log, rules: WatchRules | null): Endpoint {
  return endpoint({
    method: "GET",
    path: "/api/v1/watches",
    operation: "watches",
    summary: "The watches on fares, with what they last said",
    parameters: {},
    answers: {
      200: { description: "The watches.", content: { "application/json": listSchema } },
      400: badRequest,
    },
    handle: () => {
      const configured = (rules?.configured ?? []).map((words) => present(log, words, "config"));
      return json(200, {
        watches: [...configured, ...asked(log).map((words) => present(log, words, "api"))],
      });
    },
  });
}

function createEndpoint(log: Log, rules: WatchRules | null): Endpoint {
  return endpoint({
    method: "POST",
    path: "/api/v1/watches",
    operation: "createWatch",
    summary: "Watch a fare, or give a watch other words",
    description:
      "It needs a name, a route, a currency and one of `below`, `above`, `dropsPct`, `risesPct` and `changesPct`. What it says comes as readings of `watches/<name>`.",
    parameters,
    answers: {
      200: { description: "It is stored.", content: { "application/json": watchSchema } },
      400: badRequest,
      403: refused,
      409: problem("There are as many as may be, the name is the configuration's, or the insight is off."),
      503: unavailable,
    },
    handle: async (request, given) => {
      if (!isSameOrigin(request)) return json(403, { error: "a page of another origin may not do this" });
      if (rules === null) return json(409, { error: "the insight is off; add `fares:` below `insights:`" });
      const read = rules.read(wordsOf(given as Readonly<Record<string, string | null>>));
      if (typeof read === "string") return json(400, { error: read });
      const name = String(read["name"]);
      const taken = nameProblem(rules, name);
      if (taken !== null) return json(409, { error: taken });
      const others = asked(log).filter((one) => one["name"] !== name);
      if (others.length >= rules.maxAsked) {
        return json(409, {
          error: `there are ${rules.maxAsked} watches, the most there may be; remove some`,
        });
      }
      await log.append({ readings: [wish(name, { ...read, isActive: true }, timeOf(log, name))] });
      return json(200, present(log, read, "api"));
    },
  });
}

function removeEndpoint(log: Log, rules: WatchRules | null): Endpoint {
  return endpoint({
    method: "DELETE",
    path: "/api/v1/watches/{name}",
    operation: "removeWatch",
    summary: "Watch a fare no more",
    parameters: {},
    answers: {
      200: { description: "It is over.", content: { "application/json": removedSchema } },
      400: badRequest,
      403: refused,
      404: problem("There is no such watch."),
      409: problem("It is the configuration's."),
      503: unavailable,
    },
    handle: async (request, _given, _id, name) => {
      if (!isSameOrigin(request)) return json(403, { error: "a page of another origin may not do this" });
      const taken = rules && nameProblem(rules, name);
      if (taken) return json(409, { error: taken });
      if (!asked(log).some((one) => one["name"] === name)) {
        return json(404, {
          error: `there is no watch ${JSON.stringify(name)}; GET /api/v1/watches lists them`,
        });
      }
      await log.append({ readings: [wish(name, { isActive: false }, timeOf(log, name))] });
      return json(200, { removed: name });
    },
  });
}

function nameProblem({ configured }: WatchRules, name: string): string | null {
  if (!configured.some((one) => one["name"] === name)) return null;
  return `${name} is a watch of the configuration; change it there, or choose another name`;
}

function wordsOf(given: Readonly<Record<string, string | null>>): WatchWords {
  const words = Object.entries(given).flatMap(([name, text]) => {
    if (text === null) return [];
    return [[name, Object.hasOwn(percents, name) ? Number(text) : text] as const];
  });
  return Object.fromEntries(words);
}

/** Those that people asked for. */
function asked(log: Log): WatchWords[] {
  return log.latest(askedFilter).flatMap(({ topic, values }) => {
    const { isActive, ...words } = values;
    if (isActive !== true) return [];
    const given = Object.entries(words).filter(([, value]) => value !== null);
    const name = topic.name.slice("watches/asked/".length);
    return [{ name, ...Object.fromEntries(given) } as WatchWords];
  });
}

/** All keys each time: a topic shows what was told of each key last. */
function wish(name: string, values: Values, time: number): Reading {
  const told = Object.fromEntries(keys.map((key) => [key, values[key] ?? null]));
  const isActive = values["isActive"] === true;
  return { domain: "watches", device: `asked/${name}`, time, values: { isActive, ...told } };
}

/** Not before the wish that it replaces, should a clock have been set back. */
function timeOf(log: Log, name: string): number {
  return Math.max(log.time, log.latest(`watches/asked/${name}`)[0]?.time ?? 0);
}

function present(log: Log, words: WatchWords, source: "config" | "api"): object {
  const topic = `watches/${String(words["name"])}`;
  const state = log.latest(topic)[0]?.values["state"];
  return { ...words, source, topic, state: state === undefined || state === "removed" ? null : state };
}

function problem(description: string): AnswerDescription {
  return { description, content: { "application/json": schemaRef("Error") } };
}

const text = { type: "string" } as const;
const percent = { type: "number" } as const;
const amount = { type: ["string", "integer"], description: "In whole units of the currency." } as const;

const watchSchema = {
  type: "object",
  required: ["name", "from", "to", "currency", "source", "topic", "state"],
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(Object.keys(texts).map((name) => [name, text])),
    below: amount,
    above: amount,
    ...Object.fromEntries(Object.keys(percents).map((name) => [name, percent])),
    source: { type: "string", enum: ["config", "api"], description: "Who named it." },
    topic: { type: "string", description: "Where what it says stands." },
    state: { type: ["string", "null"], description: "`armed` or `fired`; null: it has seen no price yet." },
  },
} as const;

const listSchema = {
  type: "object",
  required: ["watches"],
  additionalProperties: false,
  properties: { watches: { type: "array", items: watchSchema } },
} as const;

const removedSchema = {
  type: "object",
  required: ["removed"],
  additionalProperties: false,
  properties: { removed: text },
} as const;
