import type { ClientMessage, ServerMessage } from "../wire/messages.ts";
import { type Connection, type ConnectionEvents, silentHeartbeats } from "./connection.ts";
import { FieldcastError } from "./errors.ts";
import { Silence } from "./silence.ts";
import {
  channelName,
  type FromHolder,
  randomId,
  type TabChannel,
  type TabOptions,
  type ToHolder,
} from "./tab-platform.ts";

/** A holder that does not answer within this long (and up to half as much again) is robbed of the lock. */
const answerTimeoutMs = 3_000;
/** How long the holder may take to reach the gateway. It says so when it fails. */
const welcomeTimeoutMs = 30_000;
/** So many messages are acknowledged together. */
const messagesPerAck = 32;

/** Omits a key of each member of a union. */
type Without<Union, Key extends string> = Union extends unknown ? Omit<Union, Key> : never;

export interface TabConnectionOptions extends TabOptions {
  /** Tells the holder of a new channel. */
  readonly join: (id: string) => void;
  /** Nobody has answered. */
  readonly onMute: () => void;
}

/** The way to the gateway through another tab. */
export class TabConnection implements Connection {
  /** Whether it was welcomed. */
  isUp = false;
  private readonly events: ConnectionEvents;
  private readonly channel: TabChannel;
  private readonly silence: Silence;
  private hub: string | null = null;
  private unacknowledged = 0;
  private isOver = false;

  constructor(options: TabConnectionOptions, events: ConnectionEvents) {
    this.events = events;
    const { clock, timers, random, platform, name } = options;
    const id = randomId(random);
    this.channel = platform.openChannel(channelName(name, id));
    this.channel.onmessage = ({ data }: { data: FromHolder }) => this.heard(data);
    // Not all at the same time: each would rob the one before it.
    const timeoutMs = answerTimeoutMs * (1 + random() / 2);
    this.silence = new Silence(clock, timers, timeoutMs, (silentMs) => {
      if (this.hub !== null) return this.fail(`the tab with the connection was silent for ${silentMs} ms`);
      options.onMute();
      this.silence.allow(timeoutMs);
    });
    options.join(id);
  }

  send(message: ClientMessage): void {
    this.post({ send: message });
  }

  close(): void {
    this.post({ leave: true });
    this.finish();
  }

  checkSilence(): void {
    this.silence.check();
  }

  private heard(data: FromHolder): void {
    if (this.isOver || (this.hub ?? data.hub) !== data.hub) return;
    this.hub = data.hub;
    this.silence.heard();
    if ("joined" in data) this.silence.allow(welcomeTimeoutMs);
    else if ("welcome" in data) this.welcome(data.welcome);
    else if ("message" in data) this.take(data.message);
    else {
      this.finish();
      this.events.onDown(new FieldcastError(data.down.code, data.down.message), data.down.isFinal);
    }
  }

  private welcome(heartbeatMs: number): void {
    this.isUp = true;
    if (heartbeatMs > 0) this.silence.allow(silentHeartbeats * heartbeatMs);
    this.events.onWelcome(heartbeatMs);
  }

  // Acknowledged before it is handed out: a callback may close everything.
  private take(message: ServerMessage): void {
    this.unacknowledged++;
    if (message.type === "heartbeat" || this.unacknowledged >= messagesPerAck) {
      this.post({ ack: this.unacknowledged });
      this.unacknowledged = 0;
    }
    this.events.onMessage(message);
  }

  private post(data: Without<ToHolder, "hub">): void {
    if (!this.isOver && this.hub !== null) this.channel.postMessage({ ...data, hub: this.hub });
  }

  private fail(message: string): void {
    this.close();
    this.events.onDown(new FieldcastError("lost", message), false);
  }

  private finish(): void {
    this.isOver = true;
    this.silence.stop();
    this.channel.close();
  }
}
