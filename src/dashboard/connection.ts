/** What the header says about the connection. */
export type ConnectionKind = "live" | "reconnecting" | "offline";

/** So long the page says that it is trying before it says that there is no connection. */
export const offlineAfterMs = 15_000;

export interface Connection {
  readonly kind: ConnectionKind;
  /** Since when it is not live, epoch milliseconds; null while it is. */
  readonly lostAt: number | null;
  /** Whether it ever was live on this page. */
  readonly wasLive: boolean;
}

/** The connection from what the client says now; `before` remembers when it was lost. */
export function nextConnection(
  before: Connection,
  isLive: boolean,
  isFinal: boolean,
  now: number,
): Connection {
  if (isLive) return before.kind === "live" ? before : { kind: "live", lostAt: null, wasLive: true };
  const lostAt = before.lostAt ?? now;
  const kind = isFinal || now - lostAt >= offlineAfterMs ? "offline" : "reconnecting";
  return kind === before.kind && lostAt === before.lostAt ? before : { ...before, kind, lostAt };
}

/** `Live`, `Connecting…`, `Reconnecting…` or `Offline since 14:03`. */
export function connectionWords({ kind, lostAt, wasLive }: Connection, locale?: string): string {
  if (kind === "live") return "Live";
  if (kind === "reconnecting") return wasLive ? "Reconnecting…" : "Connecting…";
  if (lostAt === null) return "Offline";
  const time = new Date(lostAt).toLocaleTimeString(locale, { hour: "numeric", minute: "2-digit" });
  return `Offline since ${time}`;
}
