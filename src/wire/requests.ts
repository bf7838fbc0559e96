import { decode } from "@msgpack/msgpack";
import { type StreamErrorCode, streamErrors } from "../model/errors.ts";
import { filterProblem } from "../model/filter.ts";
import type { ClientMessage, From } from "./messages.ts";

/** A request that cannot be carried out, ready to be answered. */
export interface Refusal {
  readonly refused: true;
  /** The subscription's id if the request had a usable one. */
  readonly id: number | null;
  readonly code: StreamErrorCode;
  readonly message: string;
}

/** Largest subscription id; ids stand in every frame, so they are kept short. */
export const maxSubscriptionId = 65_535;

// Requests are small; the bounds keep a hostile one from allocating more than its own size.
const requestLimits = {
  maxStrLength: 65_536,
  maxBinLength: 65_536,
  maxArrayLength: 64,
  maxMapLength: 64,
  maxExtLength: 0,
} as const;

/** Makes a refusal: what was wrong, and the catalogue's word on what to do. */
export function refuse(id: number | null, code: StreamErrorCode, problem: string): Refusal {
  return { refused: true, id, code, message: `${problem}; ${streamErrors[code].help}` };
}

/** Reads what a client sent, in either subprotocol. Never throws. */
export function parseRequest(data: Uint8Array | string): ClientMessage | Refusal {
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

function checkRequest(message: Record<string, unknown>): ClientMessage | Refusal {
  const type = message["type"];
  if (type === "hello") return checkHello(message);
  const id = message["id"];
  const isKnown = type === "subscribe" || type === "unsubscribe";
  if (!isKnown) {
    if (type === "update" || type === "publish" || type === "command") {
      return refuse(usableId(id), "not-supported", `\`${type}\` is not available`);
    }
    return refuse(usableId(id), "unknown-type", `unknown type ${describe(type)}`);
  }
  const usable = usableId(id);
  if (usable === null) return refuse(null, "bad-id", `id ${describe(id)} cannot be used`);
  return type === "subscribe" ? checkSubscribe(usable, message) : { type, id: usable };
}

function checkHello(message: Record<string, unknown>): ClientMessage | Refusal {
  const token = message["token"];
  if (token === undefined) return { type: "hello" };
  if (typeof token !== "string") return refuse(null, "bad-message", "`token` is not text");
  return { type: "hello", token };
}

const unsupportedOptions = ["rate", "bbox", "where", "fields", "speed"] as const;

function checkSubscribe(id: number, message: Record<string, unknown>): ClientMessage | Refusal {
  const filter = message["filter"];
  if (typeof filter !== "string") return refuse(id, "bad-filter", "`filter` is missing");
  const problem = filterProblem(filter);
  if (problem) return refuse(id, "bad-filter", problem);
  for (const option of unsupportedOptions) {
    // Ignoring it would send what was not asked for.
    if (message[option] !== undefined) return refuse(id, "not-supported", `\`${option}\` is not available`);
  }
  const from = checkFrom(message["from"]);
  if (from === null) return refuse(id, "bad-from", `cannot start from ${describe(message["from"])}`);
  return { type: "subscribe", id, filter, from };
}

function checkFrom(from: unknown): From | null {
  if (from === undefined || from === "latest") return "latest";
  if (from === "now") return "now";
  if (typeof from !== "object" || from === null) return null;
  const cursor = (from as Record<string, unknown>)["cursor"];
  return typeof cursor === "string" ? { cursor } : null;
}

function usableId(id: unknown): number | null {
  return Number.isInteger(id) && (id as number) >= 0 && (id as number) <= maxSubscriptionId
    ? (id as number)
    : null;
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
