import type { MqttLimits } from "./limits.ts";
import type { MqttStats } from "./stats.ts";

/** A QoS 2 message between its first PUBLISH and its PUBREL (MQTT 3.1.1, 4.3.3, method B). */
export interface Exchange {
  /** The commit under way, null when it is done. */
  answer: Promise<void> | null;
  /** Aedes has been told to route it; a resend is only acknowledged. */
  routed: boolean;
}

/** What identifies a connection of a client: Aedes' own client object. */
export interface Owner {
  readonly id: string;
  readonly clean: boolean;
}

type UnreleasedLimits = Pick<MqttLimits, "maxUnreleasedPerClient" | "maxUnreleased">;

type Table = Map<number, Exchange>;

/**
 * Remembers QoS 2 messages until their PUBREL, so that each is given to the pipeline once. A session that lasts
 * (clean=0) shares its table over reconnects; a clean one loses it with the connection (MQTT-3.1.2-6). Only packet ids
 * are kept, never payloads.
 */
export class Exchanges {
  readonly #limits: UnreleasedLimits;
  readonly #stats: MqttStats;
  readonly #tables = new WeakMap<Owner, Table>();
  /** Tables of sessions that last; the client absent longest comes first. */
  readonly #lasting = new Map<string, { table: Table; present: boolean }>();
  #total = 0;

  constructor(limits: UnreleasedLimits, stats: MqttStats) {
    this.#limits = limits;
    this.#stats = stats;
  }

  /** Exchanges that wait for their PUBREL, all clients together. */
  get size(): number {
    return this.#total;
  }

  /** The exchange that a packet id of `owner` stands for, if it has one. */
  find(owner: Owner, messageId: number): Exchange | undefined {
    return this.#tableOf(owner).get(messageId);
  }

  /** False if the limits leave no room for one more exchange of `owner`. */
  hasRoom(owner: Owner): boolean {
    if (this.#tableOf(owner).size >= this.#limits.maxUnreleasedPerClient) return false;
    while (this.#total >= this.#limits.maxUnreleased) {
      if (!this.#forgetOldestAbsent()) return false;
    }
    return true;
  }

  /** Remembers an exchange whose commit is `answer`, null if there is nothing to wait for. */
  open(owner: Owner, messageId: number, answer: Promise<void> | null): void {
    const table = this.#tableOf(owner);
    const exchange: Exchange = { answer, routed: false };
    if (!table.has(messageId)) this.#total++;
    table.set(messageId, exchange);
    answer?.then(
      () => {
        exchange.answer = null;
      },
      // A resend must get its own try.
      () => {
        if (table.get(messageId) === exchange) this.#remove(table, messageId);
      },
    );
  }

  /** Ends an exchange (PUBREL). */
  release(owner: Owner, messageId: number): void {
    this.#remove(this.#tableOf(owner), messageId);
  }

  /** The connection of `owner` has ended. */
  leave(owner: Owner): void {
    if (owner.clean) {
      this.#drop(this.#tableOf(owner));
      return;
    }
    const lasting = this.#lasting.get(owner.id);
    this.#lasting.delete(owner.id);
    if (lasting && lasting.table.size > 0)
      this.#lasting.set(owner.id, { table: lasting.table, present: false });
  }

  /** Ends the session of `clientId`. */
  forget(clientId: string): void {
    const lasting = this.#lasting.get(clientId);
    if (lasting) this.#drop(lasting.table);
    this.#lasting.delete(clientId);
  }

  #tableOf(owner: Owner): Table {
    let table = this.#tables.get(owner);
    if (table === undefined) {
      table = (owner.clean ? undefined : this.#lasting.get(owner.id)?.table) ?? new Map();
      this.#tables.set(owner, table);
      if (!owner.clean) this.#lasting.set(owner.id, { table, present: true });
    }
    return table;
  }

  #forgetOldestAbsent(): boolean {
    for (const [clientId, { table, present }] of this.#lasting) {
      if (present) continue;
      this.#stats.unreleasedForgotten += table.size;
      this.forget(clientId);
      return true;
    }
    return false;
  }

  #remove(table: Table, messageId: number): void {
    if (table.delete(messageId)) this.#total--;
  }

  #drop(table: Table): void {
    this.#total -= table.size;
    table.clear();
  }
}
