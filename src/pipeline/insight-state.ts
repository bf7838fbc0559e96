import { createHash } from "node:crypto";
import { deserialize, serialize } from "node:v8";

/** What is saved of an insight. */
interface Saved {
  /** Of the state's form; null: it was switched off, and there is none. */
  readonly version: number | null;
  readonly state: unknown;
  /** Of the settings under which it was saved (`fingerprintOf`); absent in what earlier versions saved. */
  readonly settings?: string;
}

/**
 * An insight's state as bytes. V8's own form (structured clone) takes Map and Set, is quick, and is read by every later
 * Node.js (https://nodejs.org/docs/latest-v20.x/api/v8.html#serialization-api).
 */
export function encodeState(version: number | null, state: unknown, settings?: string): Uint8Array {
  const saved: Saved = { version, state, ...(settings !== undefined && { settings }) };
  return serialize(saved);
}

/** Undoes `encodeState`. @throws Error if the bytes are none */
export function decodeSaved(bytes: Uint8Array): Saved {
  return deserialize(bytes) as Saved;
}

/** Only the state; undefined if it was of another version. @throws Error if the bytes are none */
export function decodeState(bytes: Uint8Array, version: number): unknown {
  const saved = decodeSaved(bytes);
  return saved.version === version ? saved.state : undefined;
}

/** The same for settings that say the same. */
export function fingerprintOf(settings: unknown): string {
  return createHash("sha256").update(JSON.stringify(settings)).digest("base64url");
}
