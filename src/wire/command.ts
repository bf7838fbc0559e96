import type { Command } from "../model/command.ts";
import { maxFilterLevels } from "../model/filter.ts";
import { domains } from "../model/reading.ts";
import { maxCommandTimeoutMs, maxParamsBytes, maxParamsLevels } from "./messages.ts";

/** Longest topic that a command can be for, in UTF-8 bytes; `command/` before it must still fit into MQTT. */
const maxCommandTopicBytes = 1_024;

/** Longest name of a command, in characters. */
const maxCommandChars = 64;

const domainNames: ReadonlySet<string> = new Set(domains);

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what these look for
const unsafeInTopic = /[+#\u0000-\u001f\u007f-\u009f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above
const controlCharacter = /[\u0000-\u001f\u007f-\u009f]/;

/** What a `command` request asks for, or what is wrong with it. Never throws. */
export function readCommand(message: Readonly<Record<string, unknown>>): Command | string {
  const { topic, command, params, timeoutMs } = message;
  if (typeof topic !== "string") return "`topic` is missing";
  if (typeof command !== "string") return "`command` is missing";
  const problem = topicProblem(topic) ?? nameProblem(command) ?? timeoutProblem(timeoutMs);
  if (problem !== null) return problem;
  const wait = timeoutMs === undefined ? {} : { timeoutMs: timeoutMs as number };
  if (params === undefined) return { topic, command, ...wait };
  return paramsProblem(params) ?? { topic, command, params: params as object, ...wait };
}

function topicProblem(topic: string): string | null {
  const levels = topic.split("/");
  if (!domainNames.has(levels[0] as string)) return "the topic does not begin with a domain";
  if (levels.length < 2 || levels.includes("")) return "the topic names no device";
  if (unsafeInTopic.test(topic)) return "the topic has a wildcard or a control character";
  if (levels.length >= maxFilterLevels) return `the topic has ${maxFilterLevels} levels or more`;
  return new TextEncoder().encode(topic).length > maxCommandTopicBytes
    ? `the topic is longer than ${maxCommandTopicBytes} bytes`
    : null;
}

function nameProblem(command: string): string | null {
  if (command === "") return "`command` is empty";
  if (command.length > maxCommandChars) return `\`command\` is longer than ${maxCommandChars} characters`;
  return controlCharacter.test(command) ? "`command` has a control character" : null;
}

function timeoutProblem(timeoutMs: unknown): string | null {
  if (timeoutMs === undefined) return null;
  const isGood = Number.isInteger(timeoutMs) && (timeoutMs as number) >= 1;
  return isGood && (timeoutMs as number) <= maxCommandTimeoutMs
    ? null
    : `\`timeoutMs\` is not a whole number from 1 to ${maxCommandTimeoutMs}`;
}

function paramsProblem(params: unknown): string | null {
  if (typeof params !== "object" || params === null || Array.isArray(params) || ArrayBuffer.isView(params)) {
    return "`params` is not an object";
  }
  if (isTooDeep(params, maxParamsLevels))
    return `\`params\` are nested deeper than ${maxParamsLevels} levels`;
  try {
    const bytes = new TextEncoder().encode(JSON.stringify(params, withoutBytes)).length;
    return bytes > maxParamsBytes
      ? `\`params\` are ${bytes} bytes; at most ${maxParamsBytes} are taken`
      : null;
  } catch (error) {
    return (error as Error).message;
  }
}

function isTooDeep(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  return levels === 0 || Object.values(value).some((member) => isTooDeep(member, levels - 1));
}

/** For JSON.stringify. Looks at the holder, because a Buffer has turned itself into an object by now. */
function withoutBytes(this: Readonly<Record<string, unknown>>, name: string, value: unknown): unknown {
  if (ArrayBuffer.isView(this[name])) throw new TypeError("`params` hold bytes, which JSON cannot carry");
  return value;
}
