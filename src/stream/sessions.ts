import { closeCodes } from "../model/errors.ts";
import type { Logger } from "../observe/log.ts";
import type { Hub } from "./hub.ts";
import { Session, type SessionEvents } from "./session.ts";
import type { Admission, Socket, SocketHandler } from "./transport.ts";

/** Heartbeats are spread over this many moments, so that they never come all at once. */
const beatSlots = 16;
/** A heart that need not beat at one look, because something was sent, beats at the next: never later than its period after that. */
const looksPerBeat = 2;

/** Every open session, whichever way its client came: how many there may be, their heartbeats, their end. */
export class Sessions {
  private readonly hub: Hub;
  private readonly logger: Logger;
  /** By the slot in which their hearts beat. */
  private readonly open = Array.from({ length: beatSlots }, () => new Set<Session>());
  private accepted = 0;
  private isClosing = false;
  private beats: NodeJS.Timeout | null = null;

  constructor(hub: Hub, logger: Logger) {
    this.hub = hub;
    this.logger = logger;
  }

  get size(): number {
    return this.open.reduce((size, sessions) => size + sessions.size, 0);
  }

  /** Why nobody may connect any more, null if one may. */
  closingRefusal(): Extract<Admission, { ok: false }> | null {
    return this.isClosing ? { ok: false, status: 503, message: "the gateway is shutting down" } : null;
  }

  /** Why no session can be opened now, null if one can. */
  refusal(): Extract<Admission, { ok: false }> | null {
    const { maxConnections } = this.hub.options;
    if (this.isClosing || this.size < maxConnections) return this.closingRefusal();
    return { ok: false, status: 503, message: `the gateway has ${maxConnections} connections, its limit` };
  }

  /** Opens a session on a socket. */
  accept(socket: Socket, events: Omit<SessionEvents, "onEnd">): SocketHandler {
    const slot = this.open[this.accepted++ % beatSlots] as Set<Session>;
    const session = new Session(socket, this.hub, { ...events, onEnd: (ended) => slot.delete(ended) });
    slot.add(session);
    return new Contained(session, socket, this.logger);
  }

  /** Looks after every session twice in each period of its heart, until `close`. */
  startBeating(): void {
    let slot = 0;
    this.beats = setInterval(
      () => {
        slot = (slot + 1) % beatSlots;
        for (const session of this.open[slot] ?? []) session.lookAfter();
      },
      this.hub.options.heartbeatMs / looksPerBeat / beatSlots,
    );
    this.beats.unref();
  }

  /** Opens no more, tells every client to come back, and resolves when all have left or after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    this.isClosing = true;
    if (this.beats) clearInterval(this.beats);
    for (const session of this.open.flatMap((sessions) => [...sessions]))
      session.close(closeCodes.restarting, "the gateway is going down");
    await this.untilEmpty(graceMs);
  }

  private untilEmpty(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const stepMs = 10;
      let waitedMs = 0;
      const timer = setInterval(() => {
        waitedMs += stepMs;
        if (this.size > 0 && waitedMs < graceMs) return;
        clearInterval(timer);
        resolve();
      }, stepMs);
    });
  }
}

/** An exception in a handler would end the process; a fault of ours costs one connection, which comes back and resumes. */
export class Contained implements SocketHandler {
  private readonly handler: SocketHandler;
  private readonly socket: Socket;
  private readonly logger: Logger;

  constructor(handler: SocketHandler, socket: Socket, logger: Logger) {
    this.handler = handler;
    this.socket = socket;
    this.logger = logger;
  }

  onMessage(data: Uint8Array | string): void {
    this.contain(() => this.handler.onMessage(data));
  }

  onPong(): void {
    this.contain(() => this.handler.onPong());
  }

  onDrain(): void {
    this.contain(() => this.handler.onDrain());
  }

  onClose(): void {
    this.contain(() => this.handler.onClose());
  }

  private contain(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.logger.error(
        { err: error, remote: this.socket.remote },
        "a session failed; the connection is dropped",
      );
      this.socket.terminate();
    }
  }
}
