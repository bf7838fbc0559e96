import type { ClientMessage, ServerMessage } from "../wire/messages.ts";
import type { Connection, ConnectionEvents } from "./connection.ts";
import { FieldcastError } from "./errors.ts";
import { channelName, type FromHolder, randomId, type TabOptions, type ToHolder } from "./tab-platform.ts";

/** Wire ids are whole numbers up to 65535. */
const lastWireId = 65_535;
/**
 * Messages that a tab may leave unacknowledged, and how many heartbeats it may take over it. One that is frozen or gone is
 * dropped then, lest the browser keeps messages for it without end; should it wake, it resumes from its cursors.
 */
const maxUnacknowledged = 512;
const maxUnacknowledgedHeartbeats = 3;

/** One tab's end: what it is told, and its ids on the wire by its own. */
interface Member {
  readonly events: ConnectionEvents;
  readonly ids: Map<number, number>;
  /** True if it has left too much unacknowledged. */
  isBehind(): boolean;
}

interface Route {
  readonly member: Member;
  /** The id that the tab itself uses. */
  readonly id: number;
  /** Else it is free after the first answer. */
  readonly isSubscription: boolean;
  /** The subscription has begun. */
  hasBegun: boolean;
}

/** In the tab that holds the connection: shares it among all, each with ids of its own. */
export class TabHub {
  private readonly options: TabOptions;
  private readonly id: string;
  private readonly members = new Set<Member>();
  private readonly joined = new Set<string>();
  private readonly routes = new Map<number, Route>();
  private connection: Connection | null = null;
  /** Null while the gateway has not welcomed. */
  private heartbeatMs: number | null = null;
  /** When all members were last told something. */
  private toldAllAt = 0;
  private lastId = 0;

  constructor(options: TabOptions) {
    this.options = options;
    this.id = randomId(options.random);
  }

  /** Connects the holder's own client. */
  connect(events: ConnectionEvents): Connection {
    const member = { events, ids: new Map<number, number>(), isBehind: () => false };
    this.add(member);
    return {
      send: (message) => this.send(member, message),
      close: () => this.remove(member),
      checkSilence: () => this.connection?.checkSilence(),
    };
  }

  /** Connects the tab that listens on the channel of `id`. */
  join(id: string): void {
    if (this.joined.has(id)) return;
    const { platform, name } = this.options;
    const channel = platform.openChannel(channelName(name, id));
    const post = (data: object) => channel.postMessage({ ...data, hub: this.id } as FromHolder);
    let unacknowledged = 0;
    let heartbeats = 0;
    const member: Member = {
      ids: new Map(),
      isBehind: () => unacknowledged > maxUnacknowledged || heartbeats > maxUnacknowledgedHeartbeats,
      events: {
        onWelcome: (heartbeatMs) => post({ welcome: heartbeatMs }),
        onMessage: (message) => {
          unacknowledged++;
          if (message.type === "heartbeat") heartbeats++;
          post({ message });
        },
        onDown: ({ code, message }, isFinal) => {
          post({ down: { code, message, isFinal } });
          channel.close();
          this.joined.delete(id);
        },
      },
    };
    channel.onmessage = ({ data }: { data: ToHolder }) => {
      if (data.hub !== this.id || !this.members.has(member)) return;
      if ("send" in data) this.send(member, data.send);
      else if ("leave" in data) this.drop(member, "it has left");
      else {
        unacknowledged -= data.ack;
        heartbeats = 0;
      }
    };
    this.joined.add(id);
    post({ joined: true });
    this.add(member);
  }

  /** Ends it: the others look for the next holder. */
  stop(): void {
    this.connection?.close();
    this.down(new FieldcastError("lost", "this tab no longer has the connection"), false);
  }

  private add(member: Member): void {
    this.members.add(member);
    // Nothing is told while the connection is being made.
    if (this.heartbeatMs !== null) queueMicrotask(() => this.welcomeLate(member));
    if (this.connection) return;
    try {
      this.connection = this.options.openSocket({
        onWelcome: (heartbeatMs) => this.welcome(heartbeatMs),
        onMessage: (message) => this.dispatch(message),
        onDown: (error, isFinal) => this.down(error, isFinal),
      });
    } catch (thrown) {
      queueMicrotask(() => this.drop(member, `cannot connect: ${String(thrown)}`));
    }
  }

  private welcomeLate(member: Member): void {
    if (this.heartbeatMs !== null && this.members.has(member)) member.events.onWelcome(this.heartbeatMs);
  }

  private welcome(heartbeatMs: number): void {
    this.heartbeatMs = heartbeatMs;
    this.toldAllAt = this.options.clock.now();
    for (const member of [...this.members]) member.events.onWelcome(heartbeatMs);
  }

  private send(member: Member, message: ClientMessage): void {
    if (message.type === "hello") return;
    let id = member.ids.get(message.id);
    if (id === undefined) {
      id = this.freshId();
      member.ids.set(message.id, id);
      const isSubscription = message.type === "subscribe";
      this.routes.set(id, { member, id: message.id, isSubscription, hasBegun: false });
    }
    this.connection?.send({ ...message, id });
    if (message.type === "unsubscribe") this.free(id);
  }

  private dispatch(message: ServerMessage): void {
    const id = "id" in message ? message.id : null;
    if (id === null) return this.tellAll(message);
    this.showLife();
    const route = this.routes.get(id);
    if (!route) return;
    if (message.type === "subscribed") route.hasBegun = true;
    if (!route.isSubscription || endsSubscription(message, route)) this.free(id);
    this.tell(route.member, { ...message, id: route.id } as ServerMessage);
  }

  /** While one of them gets readings the gateway need not beat its heart, and the others would hear nothing. */
  private showLife(): void {
    const goneMs = Math.abs(this.options.clock.now() - this.toldAllAt);
    if (this.heartbeatMs !== null && goneMs >= this.heartbeatMs) this.tellAll({ type: "heartbeat" });
  }

  private tellAll(message: ServerMessage): void {
    this.toldAllAt = this.options.clock.now();
    for (const member of [...this.members]) this.tell(member, message);
  }

  private tell(member: Member, message: ServerMessage): void {
    member.events.onMessage(message);
    if (member.isBehind()) this.drop(member, "this tab has taken nothing for too long");
  }

  private drop(member: Member, reason: string): void {
    this.remove(member);
    member.events.onDown(new FieldcastError("lost", reason), false);
  }

  private remove(member: Member): void {
    if (!this.members.delete(member)) return;
    for (const id of member.ids.values()) {
      if (this.routes.get(id)?.isSubscription) this.connection?.send({ type: "unsubscribe", id });
      this.routes.delete(id);
    }
    if (this.members.size > 0) return;
    this.connection?.close();
    this.connection = null;
    this.heartbeatMs = null;
  }

  private down(error: FieldcastError, isFinal: boolean): void {
    this.connection = null;
    this.heartbeatMs = null;
    this.routes.clear();
    const members = [...this.members];
    this.members.clear();
    for (const member of members) member.events.onDown(error, isFinal);
  }

  private free(id: number): void {
    const route = this.routes.get(id);
    if (!route) return;
    this.routes.delete(id);
    route.member.ids.delete(route.id);
  }

  private freshId(): number {
    do this.lastId = (this.lastId % lastWireId) + 1;
    while (this.routes.has(this.lastId));
    return this.lastId;
  }
}

/** Of a subscription that has begun, `bad-option` refuses only a change. */
function endsSubscription(message: ServerMessage, { hasBegun }: Route): boolean {
  return message.type === "error" && !(hasBegun && message.code === "bad-option");
}
