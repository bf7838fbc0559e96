import { deserialize, serialize } from "node:v8";

/**
 * An insight's state as bytes. V8's own form (structured clone) takes Map and Set, is quick, and is read by every later
 * Node.js (https://nodejs.org/docs/latest-v20.x/api/v8.html#serialization-api).
 */
export function encodeState(version: number, state: unknown): Uint8Array {
  return serialize({ version, state });
}

/** Undoes `encodeState`; undefined if it was of another version. @throws Error if the bytes are none */
export function decodeState(bytes: Uint8Array, version: number): unknown {
  const saved = deserialize(bytes) as { readonly version: number; readonly state: unknown };
  return saved.version === version ? saved.state : undefined;
}
