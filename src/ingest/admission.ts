import type { AuthenticateError, Client, Subscription } from "aedes";
import type { Logger } from "../observe/log.ts";
import type { Connections } from "./connection.ts";
import { asPublished } from "./deliveries.ts";
import type { MqttLimits } from "./limits.ts";
import type { Sessions } from "./sessions.ts";
import type { MqttStats } from "./stats.ts";
import type { Subscribers } from "./subscribers.ts";

/** Who wants to connect. */
interface Login {
  readonly clientId: string;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  /** The address it comes from. */
  readonly peer: string;
}

/** False turns the login down (CONNACK 4), a failure means "try later" (CONNACK 3). */
export type Authenticate = (login: Login) => Promise<boolean> | boolean;

/** CONNACK return codes (MQTT 3.1.1, 3.2.2.3). */
const connack = { serverUnavailable: 3, badLogin: 4 };

export interface AdmissionParts {
  /** Absent: everyone may connect. */
  readonly authenticate?: Authenticate | undefined;
  readonly limits: Pick<MqttLimits, "maxSubscriptionsPerClient">;
  readonly logger: Logger;
  readonly stats: MqttStats;
  readonly connections: Connections;
  readonly subscribers: Subscribers;
  readonly sessions: Sessions;
}

/** Decides who may connect, and who may subscribe to what. */
export class Admission {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /** Aedes' `authenticate`. */
  readonly login = (
    client: Client,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success: boolean) => void,
  ): void => {
    const connection = this.#parts.connections.of(client);
    const login = { clientId: client.id, username, password, peer: connection?.peer ?? "" };
    void this.#refusal(login).then((error) => {
      if (error === null) connection?.guard.loggedIn();
      done(error, error === null);
    });
  };

  async #refusal(login: Login): Promise<AuthenticateError | null> {
    const { authenticate, logger, stats } = this.#parts;
    let returnCode: number | null = null;
    try {
      if (authenticate && !(await authenticate(login))) returnCode = connack.badLogin;
    } catch (err) {
      logger.error({ err, client: login.clientId }, "authentication failed to answer");
      returnCode = connack.serverUnavailable;
    }
    if (returnCode === null) return null;
    stats.loginsRefused++;
    return Object.assign(new Error("login refused"), { returnCode });
  }

  /** Aedes' `authorizeSubscribe`: what to subscribe to; null answers with SUBACK 0x80 (MQTT 3.1.1, 3.9.3). */
  grant(client: Client, subscription: Subscription): Subscription | null {
    const { connections, limits, sessions, stats, subscribers } = this.#parts;
    const filters = connections.of(client)?.filters;
    const full = filters !== undefined && filters.size >= limits.maxSubscriptionsPerClient;
    if (
      filters === undefined ||
      subscription.topic.startsWith("$SYS") ||
      (full && !filters.has(subscription.topic))
    ) {
      stats.subscriptionsRefused++;
      return null;
    }
    filters.grant(subscription.topic, subscription.qos);
    subscribers.add(client.id, subscription.topic);
    sessions.grant(subscription);
    return asPublished(subscription);
  }
}
