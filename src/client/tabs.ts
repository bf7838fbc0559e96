import type { Connection, ConnectionEvents } from "./connection.ts";
import { FieldcastError } from "./errors.ts";
import { TabConnection } from "./tab-connection.ts";
import { TabHub } from "./tab-hub.ts";
import type { TabCall, TabChannel, TabOptions } from "./tab-platform.ts";

/**
 * This tab among those that share a connection. Who has the lock is the holder, and has the socket; the others reach
 * the gateway through it. The browser hands the lock on when its tab closes or crashes; one that is mute is robbed of it.
 */
export class Tabs {
  private readonly options: TabOptions;
  private readonly channel: TabChannel;
  private waiting: AbortController | null = null;
  private hub: TabHub | null = null;
  private letGo: () => void = () => {};
  /** What the client of this tab has, from `open` to its end. */
  private events: ConnectionEvents | null = null;
  private connection: Connection | null = null;
  private isStopped = false;

  constructor(options: TabOptions) {
    this.options = options;
    this.channel = options.platform.openChannel(options.name);
    this.channel.onmessage = ({ data }: { data: TabCall }) => this.heard(data);
    this.requestLock(false);
  }

  /** Connects this tab, directly or through the holder. */
  open(events: ConnectionEvents): Connection {
    this.events = events;
    this.connect();
    // The way can change until `onWelcome`, when this tab becomes the holder.
    return {
      send: (message) => this.connection?.send(message),
      close: () => this.disconnect(),
      checkSilence: () => this.connection?.checkSilence(),
    };
  }

  /** Leaves the others for good; the next one gets the lock. */
  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.disconnect();
    this.waiting?.abort();
    this.stepDown();
    this.letGo();
    this.channel.close();
  }

  private requestLock(steal: boolean): void {
    this.waiting?.abort();
    const waiting = new AbortController();
    this.waiting = steal ? null : waiting;
    this.options.platform.locks
      .request(this.options.name, steal ? { steal } : { signal: waiting.signal }, () => this.hold())
      .catch(() => {
        // Aborted here, or robbed of it by a tab that heard nothing from this one.
        if (this.isStopped || waiting.signal.aborted) return;
        this.stepDown();
        this.requestLock(false);
      });
  }

  /** Holds the lock until the promise resolves. */
  private hold(): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    this.hub = new TabHub(this.options);
    this.channel.postMessage({ holder: true } satisfies TabCall);
    this.move();
    return new Promise((resolve) => {
      this.letGo = resolve;
    });
  }

  private stepDown(): void {
    const { hub } = this;
    this.hub = null;
    hub?.stop();
  }

  private heard(call: TabCall): void {
    if ("join" in call) this.hub?.join(call.join);
    else if (!this.hub) this.move();
  }

  /** The holder is another one now: begins anew, as after a lost connection if there was one. */
  private move(): void {
    const { connection } = this;
    if (!(connection instanceof TabConnection)) return;
    const { events } = this;
    this.disconnect();
    if (!events) return;
    if (connection.isUp)
      events.onDown(new FieldcastError("lost", "the tab with the connection has gone"), false);
    else this.open(events);
  }

  private connect(): void {
    const { hub, options } = this;
    const events: ConnectionEvents = {
      onWelcome: (heartbeatMs) => this.events?.onWelcome(heartbeatMs),
      onMessage: (message) => this.events?.onMessage(message),
      onDown: (error, isFinal) => {
        const { events: listening } = this;
        this.events = null;
        this.connection = null;
        listening?.onDown(error, isFinal);
      },
    };
    if (hub) this.connection = hub.connect(events);
    else {
      const join = (id: string) => this.channel.postMessage({ join: id } satisfies TabCall);
      this.connection = new TabConnection({ ...options, join, onMute: () => this.requestLock(true) }, events);
    }
  }

  private disconnect(): void {
    this.events = null;
    this.connection?.close();
    this.connection = null;
  }
}
