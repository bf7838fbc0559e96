/** Milliseconds that single pieces of work of one kind took on the main thread. */
export interface PieceFigures {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  /** Without collections of garbage that fell into a piece. */
  readonly max: number;
  readonly maxWithGc: number;
}

/** What a gateway with `pieces.ts` says of its time since it was last asked. */
export interface PiecesAnswer {
  readonly pieces: Readonly<Record<string, PieceFigures>>;
  /** How late the event loop came round, milliseconds: with whatever held it up. */
  readonly loop: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly longestGc: number;
}
