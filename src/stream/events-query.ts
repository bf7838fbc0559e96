import { parseCursor } from "../model/cursor.ts";
import { filterFromQuery } from "../model/query-filter.ts";
import type { Condition } from "../wire/messages.ts";

/** Parameters that may stand once, and those that may stand several times. */
const single = ["filter", "from", "last", "speed", "rate", "bbox", "lastEventId"] as const;
const repeated = ["where", "fields"] as const;

/** The id of the one subscription of an event stream. */
export const eventsId = 1;

/**
 * Makes the subscribe request that the query of an event stream describes; returns what is wrong as text. What the values may be is
 * left to the reader of requests, so that it is the same as over the WebSocket.
 * @param lastEventId the header with which an EventSource resumes, empty if none
 */
export function readEventsQuery(query: URLSearchParams, lastEventId: string): object | string {
  const problem = parameterProblem(query);
  if (problem) return problem;
  const filter = filterFromQuery(query.get("filter") ?? "#");
  if (typeof filter !== "string") return `parameter filter: ${filter.problem}`;
  const where = query.getAll("where").map(readCondition);
  const wrong = where.find((condition) => typeof condition === "string");
  if (wrong !== undefined) return wrong;
  const from = readStart(query, lastEventId);
  if (typeof from === "object" && "problem" in from) return from.problem;
  const speed = query.get("speed");
  const rate = query.get("rate");
  const bbox = query.get("bbox");
  const fields = query.getAll("fields").flatMap((names) => names.split(",").filter((name) => name !== ""));
  return {
    type: "subscribe",
    id: eventsId,
    filter,
    from,
    // What is no number becomes null in JSON, which is refused by name.
    ...(speed !== null && { speed: toNumber(speed) }),
    ...(rate !== null && { rate: toNumber(rate) }),
    ...(bbox !== null && { bbox: bbox.split(",").map(toNumber) }),
    ...(where.length > 0 && { where }),
    ...(query.has("fields") && { fields }),
  };
}

function parameterProblem(query: URLSearchParams): string | null {
  const known: readonly string[] = [...single, ...repeated];
  for (const name of query.keys()) {
    if (!known.includes(name)) return `there is no parameter ${name}; there are ${known.join(", ")}`;
  }
  // Several filters would be several places in the log, and an EventSource remembers one.
  const twice = single.find((name) => query.getAll(name).length > 1);
  if (twice === "filter") {
    return "parameter filter: one connection follows one filter; use a wildcard (`+`, or %23 for `#`) or another connection";
  }
  return twice === undefined ? null : `parameter ${twice}: it may be given once`;
}

function readStart(query: URLSearchParams, lastEventId: string): object | string | { problem: string } {
  // The header comes from an EventSource that reconnects, and is newer than anything in its URL.
  const resumeFrom = lastEventId || query.get("lastEventId");
  if (resumeFrom) {
    if (parseCursor(resumeFrom)) return { cursor: resumeFrom };
    return {
      problem: `lastEventId: ${JSON.stringify(resumeFrom.slice(0, 60))} is not an id of this stream; leave it out to start anew`,
    };
  }
  const last = query.get("last");
  const from = query.get("from");
  if (last !== null) {
    if (from !== null) return { problem: "parameters from and last exclude each other; give one of them" };
    return { last: toNumber(last) };
  }
  if (from === null || from === "latest" || from === "now") return from ?? "latest";
  if (parseCursor(from)) return { cursor: from };
  if (/^-?\d+$/.test(from)) return { time: Number(from) };
  if (/^\d{4}-/.test(from)) return { time: from.replace(" ", "+") };
  return {
    problem: "parameter from: give latest, now, an id of this stream, or a time such as 2026-11-22T14:05:00Z",
  };
}

const conditionPattern = /^([^<>=!]+)(==|!=|<=|>=|<|>|=)(.*)$/s;

/** Reads `speedKmh>50`, `door=open`, `delayS` (it exists). */
function readCondition(text: string): Condition | string {
  const shape = "parameter where: give a condition such as speedKmh>50, door==open, or only a name";
  const match = conditionPattern.exec(text);
  if (!match) return /^[^<>=!]+$/.test(text) ? { field: text.trim(), op: "exists" } : shape;
  const [, field = "", op, value = ""] = match;
  if (value.trim() === "") return shape;
  return {
    field: field.trim(),
    op: (op === "=" ? "==" : op) as Condition["op"],
    value: readValue(value.trim()),
  };
}

/** Numbers, true and false as they are; anything else is text, in quotes if it looks like one of those. */
function readValue(text: string): number | boolean | string {
  if (text === "true" || text === "false") return text === "true";
  if (/^".*"$/s.test(text)) return text.slice(1, -1);
  const number = toNumber(text);
  return Number.isFinite(number) ? number : text;
}

function toNumber(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}
