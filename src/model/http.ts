/** A request as handlers see it, whichever transport it came through. */
export interface HttpRequest {
  /** Upper case. */
  readonly method: string;
  /** Without the query, percent-encoding untouched. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names; empty string if absent. */
  header(name: string): string;
}

/**
 * A body that is made while it is sent. The next piece is asked for when the connection takes more, so a slow client costs one
 * piece of memory: make them some tens of kilobytes, not one line each. The iterator's `return` is called when the client leaves;
 * an error from it breaks the connection, so that nobody takes a part for the whole.
 */
export type BodyPieces = AsyncIterable<string | Uint8Array>;

export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | BodyPieces;
  /** Of a body in pieces: a client that takes nothing for so long is given up. Milliseconds; absent: it may take its time. */
  readonly maxStallMs?: number;
}

/** Answers every request; it must not throw. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpReply>;
