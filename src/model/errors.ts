/** What an error answer on the stream can say. `again`: whether the same request can succeed later, unchanged. */
export const streamErrors = {
  "bad-message": {
    again: false,
    help: "send one JSON object or MessagePack map with a `type`, as the protocol document shows",
  },
  "unknown-type": {
    again: false,
    help: "use one of: hello, subscribe, update, unsubscribe, publish, command",
  },
  "bad-filter": { again: false, help: "use an MQTT topic filter such as `gps/#`" },
  "bad-from": {
    again: false,
    help: 'use "latest", "now", {"cursor":"…"}, {"time":"2026-11-22T14:05:00Z"} or {"last":100}',
  },
  "bad-option": { again: false, help: "see the protocol document for the options of a subscription" },
  "bad-id": {
    again: false,
    help: "give each request a whole number from 0 to 65535 that is not in use on this connection",
  },
  "unknown-id": { again: false, help: "subscribe with this id first" },
  "bad-topic": {
    again: false,
    help: "publish to an MQTT topic without wildcards, such as `telemetry/gps/my-phone`",
  },
  "bad-payload": { again: false, help: "send an object, a list, text, or (in MessagePack) bytes" },
  rejected: {
    again: false,
    help: "what was wrong with it is in the gateway's quarantine; what could be read of it was stored",
  },
  "too-many-publishes": { again: true, help: "wait for the answers to earlier ones" },
  "bad-command": {
    again: false,
    help: "name the topic of one device, such as `gps/van-7`, a command, and its params as an object",
  },
  "not-allowed": {
    again: false,
    help: "add a filter that matches it to `commands.allow` in the gateway's configuration",
  },
  "not-connected": {
    again: true,
    help: "nothing was sent; try again when the device is connected and listens to its command topic",
  },
  "no-answer": {
    again: false,
    help: "the device may have done it: see what it does before you send it again",
  },
  "command-failed": { again: false, help: "this is the device's own answer" },
  "too-many-commands": { again: true, help: "wait for the answers to earlier ones" },
  "too-many-subscriptions": { again: false, help: "unsubscribe from something, or use a wildcard" },
  "too-many-replays": {
    again: true,
    help: "narrow the filter, or replay without `rate` and `bbox`; other replays that end make room",
  },
  "not-supported": {
    again: false,
    help: "this gateway does not do this; see the protocol document for what it does",
  },
  unauthorized: {
    again: true,
    help: "the token is missing, unknown or expired: send `hello` with a fresh one",
  },
  "log-unavailable": {
    again: true,
    help: "the gateway cannot use its store at the moment; try again, /readyz tells the reason",
  },
} as const satisfies Record<string, { again: boolean; help: string }>;

export type StreamErrorCode = keyof typeof streamErrors;

/**
 * WebSocket close codes of our own. The range alone tells a client what to do: below 4500 connect again (with backoff), from
 * 4500 on do not, because the same attempt would fail again.
 */
export const closeCodes = {
  /** The gateway is going down; resume from the last cursor. */
  restarting: 4000,
  /** Message after message that could not be carried out. */
  protocolViolation: 4501,
} as const;

/** RFC 6455's code for a message larger than the gateway takes; the same message would be too large again. */
const messageTooBig = 1009;

/** Whether a client should connect again after a close with this code. */
export function mayReconnect(closeCode: number): boolean {
  return closeCode < 4500 && closeCode !== messageTooBig;
}
