import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { DefaultDeserializer, DefaultSerializer } from "node:v8";

/** After so long an encoder gives way to the rest of the gateway. Milliseconds. */
const turnMs = 2;

/** What is saved of an insight. */
interface Saved {
  /** Of the state's form; null: it was switched off, and there is none. */
  readonly version: number | null;
  readonly state: unknown;
  /** Of the settings under which it was saved (`fingerprintOf`); absent in what early versions saved. */
  readonly settings?: string;
}

/** Stands before the entries of the state's Maps, each of them a value of its own. */
interface Head {
  readonly stateVersion: number | null;
  readonly settings: string | undefined;
  /** The state without its Maps. */
  readonly rest: unknown;
  /** The Maps among its properties in the order in which their entries follow, and how many those are; null: the state is that Map. */
  readonly maps: readonly (readonly [name: string | null, entries: number])[];
}

/**
 * An insight's state as bytes. V8's own form (structured clone) takes Map and Set, is quick, and is read by every later
 * Node.js (https://nodejs.org/docs/latest-v20.x/api/v8.html#serialization-api).
 */
export function encodeState(version: number | null, state: unknown, settings?: string): Uint8Array {
  const serializer = new DefaultSerializer();
  for (const _entry of write(serializer, version, state, settings));
  return serializer.releaseBuffer();
}

/** The same in turns of the event loop, since a large state takes long. It must not be changed meanwhile. */
export async function encodeStateInTurns(
  version: number,
  state: unknown,
  settings: string,
): Promise<Uint8Array> {
  const serializer = new DefaultSerializer();
  let isOverAt = performance.now() + turnMs;
  for (const _entry of write(serializer, version, state, settings)) {
    if (performance.now() < isOverAt) continue;
    await nextTurn();
    isOverAt = performance.now() + turnMs;
  }
  return serializer.releaseBuffer();
}

/** Pauses behind each entry of the state's Maps. What several of them refer to stays one thing, as it is one serializer. */
function* write(
  serializer: DefaultSerializer,
  stateVersion: number | null,
  state: unknown,
  settings: string | undefined,
): Generator<void> {
  const maps = mapsOf(state);
  const head: Head = {
    stateVersion,
    settings,
    rest: restOf(state),
    maps: maps.map(([name, map]) => [name, map.size]),
  };
  serializer.writeHeader();
  serializer.writeValue(head);
  for (const [, map] of maps) {
    for (const entry of map) {
      serializer.writeValue(entry);
      yield;
    }
  }
}

function mapsOf(state: unknown): (readonly [name: string | null, map: Map<unknown, unknown>])[] {
  if (state instanceof Map) return [[null, state]];
  if (!isPlainObject(state)) return [];
  return Object.entries(state).flatMap(([name, value]) =>
    value instanceof Map ? [[name, value] as const] : [],
  );
}

function restOf(state: unknown): unknown {
  if (state instanceof Map) return null;
  if (!isPlainObject(state)) return state;
  return Object.fromEntries(Object.entries(state).filter(([, value]) => !(value instanceof Map)));
}

function isPlainObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Undoes `encodeState`. @throws Error if the bytes are none */
export function decodeSaved(bytes: Uint8Array): Saved {
  const deserializer = new DefaultDeserializer(bytes);
  deserializer.readHeader();
  const head = deserializer.readValue() as Head | Saved;
  // As earlier versions saved it, in one piece.
  if ("version" in head) return head;
  const { stateVersion: version, settings, rest, maps } = head;
  let state = rest;
  for (const [name, entries] of maps) {
    const map = new Map<unknown, unknown>();
    for (let left = entries; left > 0; left--) {
      const [key, value] = deserializer.readValue() as [unknown, unknown];
      map.set(key, value);
    }
    if (name === null) state = map;
    else (rest as Record<string, unknown>)[name] = map;
  }
  return { version, state, ...(settings !== undefined && { settings }) };
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
