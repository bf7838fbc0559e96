import { decode } from "@msgpack/msgpack";
import { type StreamErrorCode, streamErrors } from "../model/errors.ts";
import { filterProblem } from "../model/filter.ts";
import { readInstant } from "../model/instant.ts";
import { maxTopicBytes } from "../model/topic.ts";
import { readCommand } from "./command.ts";
import {
  type ClientMessage,
  type From,
  maxLastPerTopic,
  maxRequestBytes,
  type PlayOptions,
  type PublishMessage,
  type SubscribeMessage,
  type UpdateMessage,
  type ViewOptions,
} from "./messages.ts";
import { readViewOptions } from "./view-options.ts";

/** A request that cannot be carried out, ready to be answered. */
export interface Refusal {
  readonly refused: true;
  /** The request's id if it had a usable one. */
  readonly id: number | null;
  readonly code: StreamErrorCode;
  readonly message: string;
}

/** Largest id; those of subscriptions stand in every frame, so they are kept short. */
export const maxSubscriptionId = 65_535;

/** A request as it was read: what is to be published has become bytes of its own, and a time epoch milliseconds. */
export type Request =
  | Exclude<ClientMessage, PublishMessage | SubscribeMessage | UpdateMessage>
  | SubscribeRequest
  | UpdateRequest
  | PublishRequest;
export type Start = Exclude<From, { readonly time: unknown }> | { readonly time: number };
export type SubscribeRequest = Omit<SubscribeMessage, "from"> & { readonly from: Start };
export type UpdateRequest = Omit<UpdateMessage, "from"> & { readonly from?: Start };
export type PublishRequest = PublishMessage & { readonly payload: Uint8Array };

// Requests are small; the bounds keep a hostile one from allocating more than its own size.
const requestLimits = {
  maxStrLength: maxRequestBytes,
  maxBinLength: maxRequestBytes,
  maxArrayLength: 64,
  maxMapLength: 64,
  maxExtLength: 0,
} as const;

/** Makes a refusal: what was wrong, and the catalogue's word on what to do. */
export function refuse(id: number | null, code: StreamErrorCode, problem: string): Refusal {
  return { refused: true, id, code, message: `${problem}; ${streamErrors[code].help}` };
}

/** Reads what a client sent, in either subprotocol. Never throws. */
export function parseRequest(data: Uint8Array | string): Request | Refusal {
  let message: unknown;
  try {
    message = typeof data === "string" ? JSON.parse(data) : decode(data, requestLimits);
  } catch (error) {
    return refuse(null, "bad-message", `not readable: ${(error as Error).message}`);
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) {
    return refuse(null, "bad-message", "the message is not an object");
  }
  return checkRequest(message as Record<string, unknown>);
}

function checkRequest(message: Record<string, unknown>): Request | Refusal {
  const type = message["type"];
  if (type === "hello") return checkHello(message);
  const id = message["id"];
  if (!isRequestType(type)) return refuse(usableId(id), "unknown-type", `unknown type ${describe(type)}`);
  const usable = usableId(id);
  if (usable === null) return refuse(null, "bad-id", `id ${describe(id)} cannot be used`);
  if (type === "publish") return checkPublish(usable, message);
  if (type === "command") return checkCommand(usable, message);
  if (type === "update") return checkUpdate(usable, message);
  return type === "subscribe" ? checkSubscribe(usable, message) : { type, id: usable };
}

const requestTypes = ["subscribe", "update", "unsubscribe", "publish", "command"] as const;

function isRequestType(type: unknown): type is (typeof requestTypes)[number] {
  return requestTypes.some((known) => known === type);
}

function checkHello(message: Record<string, unknown>): Request | Refusal {
  const token = message["token"];
  if (token === undefined) return { type: "hello" };
  if (typeof token !== "string") return refuse(null, "bad-message", "`token` is not text");
  return { type: "hello", token };
}

function checkSubscribe(id: number, message: Record<string, unknown>): Request | Refusal {
  const filter = message["filter"];
  if (typeof filter !== "string") return refuse(id, "bad-filter", "`filter` is missing");
  const problem = filterProblem(filter);
  if (problem) return refuse(id, "bad-filter", problem);
  const { from = "latest" } = message;
  const start = readStart(from);
  if (typeof start === "object" && "problem" in start) return refuse(id, "bad-from", start.problem);
  const options = readViewOptions(message, false);
  if (typeof options === "string") return refuse(id, "bad-option", options);
  return { type: "subscribe", id, filter, from: start, ...(options as ViewOptions & PlayOptions) };
}

function checkUpdate(id: number, message: Record<string, unknown>): Request | Refusal {
  const options = readViewOptions(message, true);
  if (typeof options === "string") return refuse(id, "bad-option", options);
  const { from } = message;
  if (from === undefined) return { type: "update", id, ...options };
  const start = readStart(from);
  if (typeof start === "object" && "problem" in start) return refuse(id, "bad-from", start.problem);
  return { type: "update", id, ...options, from: start };
}

function readStart(from: unknown): Start | { readonly problem: string } {
  if (from === "latest" || from === "now") return from;
  if (typeof from !== "object" || from === null) return { problem: `cannot start from ${describe(from)}` };
  const { cursor, time, last } = from as Record<string, unknown>;
  if ([cursor, time, last].filter((place) => place !== undefined).length !== 1) {
    return { problem: "`from` names one of `cursor`, `time` and `last`" };
  }
  if (typeof cursor === "string") return { cursor };
  if (time !== undefined) {
    const instant = readInstant(time);
    if (instant !== null) return { time: instant };
    return { problem: `\`time\` is ${describe(time)}, not ISO 8601 with an offset nor epoch milliseconds` };
  }
  const isCount = Number.isInteger(last) && (last as number) >= 1 && (last as number) <= maxLastPerTopic;
  if (isCount) return { last: last as number };
  return { problem: cursor === undefined ? lastProblem(last) : `\`cursor\` is ${describe(cursor)}` };
}

function lastProblem(last: unknown): string {
  return `\`last\` is ${describe(last)}, not a whole number from 1 to ${maxLastPerTopic}`;
}

function checkPublish(id: number, { topic, payload }: Record<string, unknown>): Request | Refusal {
  const problem = typeof topic === "string" ? topicProblem(topic) : "`topic` is missing";
  if (problem) return refuse(id, "bad-topic", problem);
  if (typeof payload !== "string" && (typeof payload !== "object" || payload === null)) {
    return refuse(id, "bad-payload", `\`payload\` is ${describe(payload)}`);
  }
  try {
    return { type: "publish", id, topic: topic as string, payload: payloadBytes(payload) };
  } catch {
    return refuse(id, "bad-payload", "`payload` is nested too deep");
  }
}

function checkCommand(id: number, message: Record<string, unknown>): Request | Refusal {
  const command = readCommand(message);
  return typeof command === "string"
    ? refuse(id, "bad-command", command)
    : { type: "command", id, ...command };
}

/** Why nobody can publish to `topic` (MQTT 3.1.1, 4.7), null if it is good. */
function topicProblem(topic: string): string | null {
  if (topic === "") return "the topic is empty";
  if (/[+#]/.test(topic)) return "the topic has a wildcard";
  if (topic.includes("\u0000")) return "the topic contains a null character";
  // Server topics are the broker's own (4.7.2).
  if (topic.startsWith("$")) return "the topic begins with `$`";
  return new TextEncoder().encode(topic).length > maxTopicBytes ? "the topic is too long" : null;
}

/** What a device would have sent. Bytes are copied, because those of a request are only valid while it is read. */
function payloadBytes(payload: string | object): Uint8Array {
  if (payload instanceof Uint8Array) return payload.slice();
  return new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload));
}

function usableId(id: unknown): number | null {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) <= maxSubscriptionId
    ? (id as number)
    : null;
}

/** A value as an answer may quote it. Only plain values are written out: one nested deep enough would end the process. */
function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : String(value);
  return text.length > 62 ? `${text.slice(0, 62)}…` : text;
}
