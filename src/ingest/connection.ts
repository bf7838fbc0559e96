import type { Client } from "aedes";
import { Answers } from "./answers.ts";
import { GrantedFilters } from "./granted-filters.ts";
import type { WireGuard } from "./wire-guard.ts";

/** One client's connection, from accept to close. */
export class Connection {
  readonly guard: WireGuard;
  readonly client: Client;
  /** Where it comes from, for the log. */
  readonly peer: string;
  readonly answers = new Answers();
  /** The filters it subscribes to; Aedes' own list lags behind by a turn of the loop. */
  readonly filters = new GrantedFilters();
  /** What is known of the topic it published to last: most devices have one. */
  lastTopic: KnownTopic = { topic: "", isReserved: false, isCommand: false };

  constructor(guard: WireGuard, client: Client, peer: string) {
    this.guard = guard;
    this.client = client;
    this.peer = peer;
  }
}

export interface KnownTopic {
  readonly topic: string;
  /** Clients may publish to it, but other clients get from the gateway alone what is there. */
  readonly isReserved: boolean;
  readonly isCommand: boolean;
}

/** How often it is looked whether the packets under way are answered. */
const answerCheckMs = 5;

/** The open connections, by Aedes' client and by client id. */
export class Connections {
  readonly #byClient = new Map<Client, Connection>();
  readonly #byId = new Map<string, Connection>();

  get size(): number {
    return this.#byClient.size;
  }

  /** Iterates over all, those without a session included. */
  all(): Iterable<Connection> {
    return this.#byClient.values();
  }

  of(client: Client): Connection | undefined {
    return this.#byClient.get(client);
  }

  add(connection: Connection): void {
    this.#byClient.set(connection.client, connection);
  }

  /**
   * `client` now speaks for its id (MQTT-3.1.4-2); returns the connection it takes over from. Aedes sees to that too,
   * but loses track when the old one is closing at that moment.
   */
  claim(client: Client): Connection | undefined {
    const connection = this.#byClient.get(client);
    const before = this.#byId.get(client.id);
    if (connection !== undefined) this.#byId.set(client.id, connection);
    return before === connection ? undefined : before;
  }

  /** Resolves when no packet of anyone is under way any more, or after `graceMs`. */
  allAnswered(graceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const check = setInterval(() => {
        for (const { guard } of this.all()) if (guard.inflight > 0) return;
        finish();
      }, answerCheckMs);
      const deadline = setTimeout(() => finish(), graceMs);
      const finish = () => {
        clearInterval(check);
        clearTimeout(deadline);
        resolve();
      };
    });
  }

  /** Returns true if the connection still spoke for its id. */
  remove(connection: Connection): boolean {
    this.#byClient.delete(connection.client);
    const last = this.#byId.get(connection.client.id) === connection;
    if (last) this.#byId.delete(connection.client.id);
    return last;
  }
}
