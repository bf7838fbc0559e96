/**
 * A place in the log: everything up to and including `seq` has been seen. The epoch names the log's life, so that a
 * cursor of a log that was lost is never mistaken for one of the log that replaced it.
 */
export interface Cursor {
  readonly epoch: string;
  readonly seq: number;
}

/** The token that clients hold. They must treat it as opaque; its form may change with the epoch. */
export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}:${cursor.seq}`;
}

/** Reads a token that `formatCursor` made; null if it is not one. */
export function parseCursor(token: string): Cursor | null {
  const match = /^([0-9a-z]{1,32}):(0|[1-9][0-9]{0,15})$/.exec(token);
  if (!match) return null;
  const seq = Number(match[2]);
  return Number.isSafeInteger(seq) ? { epoch: match[1] as string, seq } : null;
}
