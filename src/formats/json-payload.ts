import { quote } from "./outcome.ts";

/** A parsed JSON object. Its keys are the sender's: look names up, never assign to it. */
export interface JsonObject {
  readonly [name: string]: unknown;
}

/** Payloads of this size and more are refused (fixtures contract, rule 5). */
export const maxPayloadBytes = 1_048_576;

/** Deepest nesting of lists and objects that is read; real devices need fewer than ten. */
const maxDepth = 32;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Names that would reach an object's prototype if someone assigned them carelessly later on. */
const hostileNames: ReadonlySet<string> = new Set(["__proto__", "prototype", "constructor"]);

/** True for names that no key, device, channel or topic level may have. */
export function isHostileName(name: string): boolean {
  return hostileNames.has(name);
}

/**
 * The JSON object in a payload; null for a zero-length payload (a retained message being cleared); a reason when it is
 * too large, not UTF-8, not JSON, not an object, nested too deep or has a hostile key.
 */
export function readJsonObject(payload: Uint8Array): JsonObject | string | null {
  const json = readJson(payload);
  if (json === null || typeof json === "string") return json;
  return isObject(json.value) ? json.value : `payload: a JSON object is expected, not ${quote(json.value)}`;
}

/** What a payload says in JSON, of whatever type; null and reasons as `readJsonObject` gives them. */
export function readJson(payload: Uint8Array): { readonly value: unknown } | string | null {
  if (payload.length === 0) return null;
  const text = decodeText(payload);
  if (text === null) return textProblem(payload);
  if (isTooDeep(text)) return `payload: nested deeper than ${maxDepth} levels; send a flatter message`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `payload: broken JSON (${error instanceof Error ? error.message.slice(0, 120) : "unreadable"})`;
  }
  // The three names cannot occur without one of these: a text search is far cheaper than a walk of every key.
  if (text.includes("proto") || text.includes("constructor") || text.includes("\\u")) {
    const hostile = findHostileKey(value);
    if (hostile !== null) return `payload: the key ${hostile} is not allowed; rename it`;
  }
  return { value };
}

/** True for a JSON object: neither null nor a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A payload that is plain text: the text, or a reason when it is too large or not UTF-8. */
export function readPlainText(payload: Uint8Array): { readonly text: string } | string {
  const text = decodeText(payload);
  return text === null ? textProblem(payload) : { text };
}

/** The payload as text, null when it is too large or not UTF-8. A leading byte order mark is dropped. */
function decodeText(payload: Uint8Array): string | null {
  if (payload.length >= maxPayloadBytes) return null;
  try {
    return utf8.decode(payload);
  } catch {
    return null;
  }
}

function textProblem(payload: Uint8Array): string {
  return payload.length >= maxPayloadBytes
    ? `payload: ${payload.length} bytes; send less than ${maxPayloadBytes}`
    : "payload: not UTF-8; check the device's encoding";
}

/** Most payloads have fewer opening brackets than the limit, and counting those is a few memory searches. */
function isTooDeep(text: string): boolean {
  let openers = 0;
  for (let at = text.indexOf("{"); at !== -1; at = text.indexOf("{", at + 1)) {
    if (++openers > maxDepth) return isScannedTooDeep(text);
  }
  for (let at = text.indexOf("["); at !== -1; at = text.indexOf("[", at + 1)) {
    if (++openers > maxDepth) return isScannedTooDeep(text);
  }
  return false;
}

function isScannedTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return false;
}

function findHostileKey(value: unknown): string | null {
  if (typeof value !== "object" || value === null) return null;
  for (const [name, inner] of Object.entries(value)) {
    if (isHostileName(name)) return name;
    const hostile = findHostileKey(inner);
    if (hostile !== null) return hostile;
  }
  return null;
}
