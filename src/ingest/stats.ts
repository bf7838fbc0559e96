/** Why a connection was closed by us; `stats().refused` counts each. */
const refusalReasons = [
  "connectionLimit",
  "connectTimeout",
  "packetTooLarge",
  "malformed",
  "reservedType",
  "reservedFlags",
  "qos3",
  "packetIdZero",
  "badUtf8",
  "badTopic",
  "sysTopic",
  "badFilter",
  "tooManyFilters",
  "badWill",
  "emptyClientId",
  "clientIdTooLong",
  "protocolVersion",
  "protocolOrder",
  "slowReader",
] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** Counters since start; they only grow. */
export interface MqttStats {
  /** Connections accepted. */
  connections: number;
  /** PUBLISH packets handed to the pipeline, last wills included. */
  packets: number;
  /** Payload bytes of the same. */
  bytes: number;
  /** PUBLISH packets of QoS 1 and 2 whose acknowledgement was let go. */
  acks: number;
  /** QoS 2 packets that were resent and not given to the pipeline again. */
  duplicates: number;
  /** Packets that the log did not take: QoS 0 were dropped, others not acknowledged. */
  unavailable: number;
  /** Packets on which the pipeline failed in any other way. */
  failed: number;
  /** Packets at topics of the gateway's own (readings, commands): taken in, and not routed to subscribers. */
  unrouted: number;
  /** Logins that were turned down. */
  loginsRefused: number;
  /** Filters answered with SUBACK 0x80. */
  subscriptionsRefused: number;
  /** QoS 2 packets turned away because too many wait for their PUBREL. */
  unreleasedRefused: number;
  /** QoS 2 messages of absent clients that were forgotten before their PUBREL; a resend counts as new. */
  unreleasedForgotten: number;
  /** Messages dropped from the queue of a session. */
  queueDropped: number;
  /** Messages that were delivered but not retained. */
  retainRefused: number;
  /** Sessions of absent clients that were forgotten. */
  sessionsForgotten: number;
  /** Readings sent to subscribers of their topics, what the topics showed at first included. */
  readingsSent: number;
  /** Readings that subscribers who did not read got only as part of what their topics show. */
  readingsSkipped: number;
  /** Connections closed by us, by reason. */
  readonly refused: Record<RefusalReason, number>;
}

/** Fresh counters, all zero. */
export function createStats(): MqttStats {
  return {
    connections: 0,
    packets: 0,
    bytes: 0,
    acks: 0,
    duplicates: 0,
    unavailable: 0,
    failed: 0,
    unrouted: 0,
    loginsRefused: 0,
    subscriptionsRefused: 0,
    unreleasedRefused: 0,
    unreleasedForgotten: 0,
    queueDropped: 0,
    retainRefused: 0,
    sessionsForgotten: 0,
    readingsSent: 0,
    readingsSkipped: 0,
    refused: Object.fromEntries(refusalReasons.map((reason) => [reason, 0])) as Record<RefusalReason, number>,
  };
}
