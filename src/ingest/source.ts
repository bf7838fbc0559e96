/** An outside broker whose messages the gateway takes in. */
export interface Source {
  /** Names it in logs, metrics and as `client` of its packets (`source:<name>`). */
  readonly name: string;
  /** `mqtt:`, `mqtts:`, `ws:` or `wss:`. */
  readonly url: string;
  /** Undefined: a random one for each connection, which fits only a clean session. */
  readonly clientId?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Files as text; they matter for `mqtts:` and `wss:` only. */
  readonly tls: {
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
    /** False takes any certificate, an attacker's too. */
    readonly rejectUnauthorized: boolean;
  };
  /** 4 is MQTT 3.1.1, 5 is MQTT 5. */
  readonly protocolVersion: 4 | 5;
  /** True: the broker forgets everything at a disconnect. False: it keeps what was not acknowledged. */
  readonly clean: boolean;
  /** How long an MQTT 5 broker keeps the session of an absent gateway. */
  readonly sessionExpiryS: number;
  readonly keepaliveS: number;
  /** Topic filters, `$share/group/…` too where the broker knows it. */
  readonly topics: readonly string[];
  readonly qos: 0 | 1 | 2;
  /** Stands before every topic of this source. */
  readonly topicPrefix: string;
}

/** Bounds of one source. */
export interface SourceLimits {
  /** Messages that wait for their commit; beyond, the source's socket is not read. */
  readonly maxInflightPublishes: number;
  /** Bytes of the same; one message may always be under way. */
  readonly maxInflightBytes: number;
  /** From the attempt to the broker's CONNACK. */
  readonly connectTimeoutMs: number;
}

export const defaultSourceLimits: SourceLimits = {
  maxInflightPublishes: 200,
  maxInflightBytes: 4 * 1024 * 1024,
  connectTimeoutMs: 30_000,
};

/** Counters of one source since start; they only grow. */
export interface SourceStats {
  /** Connections that the outside broker accepted. */
  connections: number;
  /** Messages handed to the pipeline. */
  packets: number;
  /** Payload bytes of the same. */
  bytes: number;
  /** Acknowledgements sent (PUBACK, PUBREC). */
  acks: number;
  /** QoS 2 messages that were resent and not given to the pipeline again. */
  duplicates: number;
  /** Messages that the log did not take: QoS 0 were dropped, others come again. */
  unavailable: number;
  /** Messages on which the pipeline failed in any other way; treated likewise. */
  failed: number;
}

/** Fresh counters, all zero. */
export function createSourceStats(): SourceStats {
  return { connections: 0, packets: 0, bytes: 0, acks: 0, duplicates: 0, unavailable: 0, failed: 0 };
}
