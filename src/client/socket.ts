/**
 * The part of a WebSocket that the SDK uses: browsers', Node's own and the `ws` package's all have it. Handlers are of
 * type `unknown` because the three disagree on the types of events, and this file must compile without the DOM's.
 */
export interface SocketLike {
  binaryType: string;
  onopen: unknown;
  onmessage: unknown;
  onclose: unknown;
  onerror: unknown;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  /** Only in `ws`: drops the connection without the closing handshake. */
  terminate?(): void;
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike;

/** Where delayed calls come from; tests pass their own. */
export interface Timers {
  set(callback: () => void, delayMs: number): unknown;
  clear(handle: unknown): void;
}

export const systemTimers: Timers = {
  set: (callback, delayMs) => setTimeout(callback, delayMs),
  clear: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

/** The runtime's own WebSocket, undefined if it has none (Node before 22). */
export function globalWebSocket(): SocketConstructor | undefined {
  return (globalThis as { WebSocket?: SocketConstructor }).WebSocket;
}
