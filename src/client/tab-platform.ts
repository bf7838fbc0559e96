import type { Clock } from "../model/clock.ts";
import type { ClientMessage, ServerMessage } from "../wire/messages.ts";
import type { Connection, ConnectionEvents } from "./connection.ts";
import type { ErrorCode } from "./errors.ts";
import type { Timers } from "./socket.ts";

/** The part of a BroadcastChannel that is used. */
export interface TabChannel {
  onmessage: unknown;
  postMessage(data: unknown): void;
  close(): void;
}

/** The part of the Web Locks that is used (https://w3c.github.io/web-locks/). */
export interface TabLocks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    callback: () => Promise<void>,
  ): Promise<unknown>;
}

/** What the tabs of one origin share. */
export interface TabPlatform {
  readonly locks: TabLocks;
  openChannel(name: string): TabChannel;
}

export interface TabOptions {
  readonly platform: TabPlatform;
  /** Tabs of the same name share a connection. */
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  /** A connection of its own, for the tab that holds the one of all. */
  readonly openSocket: (events: ConnectionEvents) => Connection;
}

/** What stands on the channel that all tabs hear. */
export type TabCall =
  /** A tab wants to be connected, and listens on the channel of this id. */
  | { readonly join: string }
  /** The sender holds the connection from now on. */
  | { readonly holder: true };

/** What stands on the channel of one tab. `hub` names the holder, lest two of them speak in turns. */
export type FromHolder = { readonly hub: string } & (
  | { readonly joined: true }
  | { readonly welcome: number }
  | { readonly message: ServerMessage }
  | { readonly down: { readonly code: ErrorCode; readonly message: string; readonly isFinal: boolean } }
);
export type ToHolder = { readonly hub: string } & (
  | { readonly send: ClientMessage }
  /** So many messages more have been taken. */
  | { readonly ack: number }
  | { readonly leave: true }
);

/** The browser's, or null where tabs cannot share: Node, old browsers, pages that came over plain HTTP. */
export function browserTabs(scope: object = globalThis): TabPlatform | null {
  const { navigator, BroadcastChannel, self } = scope as {
    navigator?: { locks?: TabLocks };
    BroadcastChannel?: new (name: string) => TabChannel;
    self?: unknown;
  };
  // Node has channels and, since 24, locks too; but its threads are no tabs. Only browsers have `self`.
  if (!self || !navigator?.locks || !BroadcastChannel) return null;
  return { locks: navigator.locks, openChannel: (name) => new BroadcastChannel(name) };
}

export function channelName(name: string, id: string): string {
  return `${name} ${id}`;
}

export function randomId(random: () => number): string {
  return random().toString(36).slice(2) + random().toString(36).slice(2);
}
