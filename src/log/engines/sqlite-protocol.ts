import type { ObservedPlace, QuarantineQuery, StoredPacket } from "../contract.ts";
import type { Damage, EngineBatch, EngineState, ObservedAsk } from "../engine.ts";
import type { SqliteOptions } from "../options.ts";
import type { Block } from "./blocks.ts";

/** What the worker is started with. */
export interface WorkerStart {
  readonly options: SqliteOptions;
  /** Of this opening. */
  readonly newEpoch: string;
}

/** Where a log stands that goes on with a new worker: what the file must be, and what it must have. */
export interface Resumption {
  /** The present epoch, and the one before it: that is in the file until the first commit. */
  readonly epochs: readonly string[];
  readonly head: number;
  /** The file took the place of a damaged one: it need not have everything up to the head. */
  readonly mayEndEarlier?: boolean;
}

/** Rows of latest, bodies in one piece (blocks.ts): thousands of small buffers take milliseconds to hand to another thread. */
export interface PackedRows {
  readonly topicIds: readonly number[];
  readonly lastSeqs: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A batch whose records and rows are packed. */
export interface PackedBatch extends Omit<EngineBatch, "records" | "latest"> {
  readonly blocks: readonly Block[];
  readonly latest: PackedRows;
}

/** Packed bodies from the asked position on (blocks.ts), or the word that they are gone. */
export type PackedPage =
  | {
      readonly kind: "packed";
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** When its stretches were committed: so many bodies each, in order. */
      readonly commits: readonly { readonly count: number; readonly committedAt: number }[];
    }
  | { readonly kind: "evicted"; readonly oldest: number };

/** Packed bodies of an `observed` page. */
export interface PackedObserved {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly next: ObservedPlace | null;
}

/** What can be asked of the store: name → arguments and answer. */
export interface StoreCalls {
  open: { ask: Resumption | null; answer: EngineState };
  commit: { ask: PackedBatch; answer: { readonly oldest: number } };
  read: { ask: { readonly after: number; readonly maxBytes: number }; answer: PackedPage };
  observed: { ask: ObservedAsk; answer: PackedObserved };
  limitedSince: { ask: string | null; answer: number | null };
  firstAfter: { ask: number; answer: number };
  quarantined: { ask: { readonly limit: number; readonly query: QuarantineQuery }; answer: StoredPacket[] };
  backup: { ask: string; answer: null };
  close: { ask: null; answer: null };
}

export type StoreCall = {
  [Name in keyof StoreCalls]: { readonly name: Name; readonly ask: StoreCalls[Name]["ask"] };
}[keyof StoreCalls];

export interface WorkerRequest {
  readonly id: number;
  readonly call: StoreCall;
}

/** What the worker says. */
export type WorkerMessage =
  | WorkerAnswer
  /** Null: the file itself is damaged, and the thread ends, so that the next one sets it aside. */
  | { readonly id: null; readonly damage: Damage | null };

export type WorkerAnswer =
  | { readonly id: number; readonly problem: null; readonly answer: unknown }
  | { readonly id: number; readonly problem: string };
