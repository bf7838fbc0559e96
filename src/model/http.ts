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

export interface HttpReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Answers every request; it must not throw. */
export type HttpHandler = (request: HttpRequest) => Promise<HttpReply>;
