import { readText } from "./fields.ts";
import { quote } from "./outcome.ts";
import { observedAt } from "./time.ts";

const euiPattern = /^[0-9a-f]{16}$/;

/** A DevEUI (EUI-64) as 16 hex digits in lower case, undefined if it is none. */
export function readEui(raw: unknown): string | undefined {
  const text = readText(raw)?.toLowerCase();
  return text !== undefined && euiPattern.test(text) ? text : undefined;
}

/** A DevEUI in base64, as ChirpStack 3 may write it: 16 hex digits in lower case, undefined if it is none. */
export function readBase64Eui(raw: unknown): string | undefined {
  if (typeof raw !== "string" || !/^[A-Za-z0-9+/]{11}=$/.test(raw)) return undefined;
  return Buffer.from(raw, "base64").toString("hex");
}

/** Why an id in the payload is not that of the topic; null if it is, or if there is none. */
export function idMismatch(raw: unknown, path: string, ofTopic: string): string | null {
  const id = readText(raw);
  if (id === undefined || id === ofTopic || id.toLowerCase() === ofTopic.toLowerCase()) return null;
  return `${path}: ${quote(id)} is not the ${quote(ofTopic)} of the topic`;
}

/** The first of several times (value and path) that is there, by rule 1. */
export function firstTime(
  candidates: readonly (readonly [raw: unknown, path: string])[],
  receivedAt: number,
): number | string {
  for (const [raw, path] of candidates) {
    if (raw !== undefined && raw !== null && raw !== "") return observedAt(raw, path, receivedAt, null);
  }
  return receivedAt;
}
