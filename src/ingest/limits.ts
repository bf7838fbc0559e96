/**
 * What one MQTT listener puts up with. Every limit has one outcome, and the outcome has a counter in `MqttStats`.
 * "Refused" means that the connection is closed with a named reason (`RefusalReason`).
 */
export interface MqttLimits {
  /** Open connections; one more is closed at once. */
  readonly maxConnections: number;
  /** Milliseconds from accept to CONNACK, authentication included; a slower connection is refused. */
  readonly connectTimeoutMs: number;
  /**
   * Bytes of one PUBLISH on the wire, header included; refused as soon as its header announces more. It lies above
   * 1 MiB so that a payload which is merely too long for a reading is quarantined and not fatal to its device.
   */
  readonly maxPacketBytes: number;
  /** Bytes of any other packet. Refused beyond. */
  readonly maxControlPacketBytes: number;
  /** UTF-8 bytes of a client id; a longer one gets CONNACK 2 and is refused. */
  readonly maxClientIdBytes: number;
  /** Topic filters in one SUBSCRIBE or UNSUBSCRIBE; refused beyond. */
  readonly maxFiltersPerSubscribe: number;
  /** Subscriptions of one client; each one more is answered with SUBACK 0x80. */
  readonly maxSubscriptionsPerClient: number;
  /** PUBLISH packets of one client that await their commit; beyond, its socket is not read. */
  readonly maxInflightPublishes: number;
  /** Bytes of the same; one packet may always be under way. Beyond, its socket is not read. */
  readonly maxInflightBytes: number;
  /** PUBLISH packets a second from one client, with a burst of one second; beyond, its socket is not read. 0 = no limit. */
  readonly maxPublishesPerSecond: number;
  /** Bytes waiting for a client that does not read; when the next packet is due for it, it is refused. */
  readonly maxClientBufferBytes: number;
  /** Milliseconds a client may take to drain its buffer while retained messages wait for it; then it is disconnected. */
  readonly drainTimeoutMs: number;
  /** Sessions (clean=0) kept for absent clients; beyond, the one absent longest is forgotten. */
  readonly maxAbsentSessions: number;
  /** QoS 1 and 2 messages queued for one session; beyond, its oldest is dropped. */
  readonly maxQueuedMessagesPerClient: number;
  /** Bytes of the same; beyond, its oldest is dropped. Keep it below `maxClientBufferBytes`: it is sent in one go. */
  readonly maxQueuedBytesPerClient: number;
  /** Bytes queued for all sessions together; beyond, the oldest of the session at hand is dropped. */
  readonly maxQueuedBytes: number;
  /** Retained messages; a new topic beyond is delivered but not retained. */
  readonly maxRetainedMessages: number;
  /** Bytes of topics and payloads retained; beyond, a message is delivered but not retained. */
  readonly maxRetainedBytes: number;
  /** QoS 2 messages of one client that wait for their PUBREL; one more closes its connection unacknowledged. */
  readonly maxUnreleasedPerClient: number;
  /** The same for all clients; beyond, those of the client absent longest are forgotten, else the connection closes. */
  readonly maxUnreleased: number;
}

export const defaultMqttLimits: MqttLimits = {
  maxConnections: 10_000,
  connectTimeoutMs: 10_000,
  maxPacketBytes: 2 * 1024 * 1024,
  maxControlPacketBytes: 256 * 1024,
  maxClientIdBytes: 256,
  maxFiltersPerSubscribe: 100,
  maxSubscriptionsPerClient: 1_000,
  maxInflightPublishes: 200,
  maxInflightBytes: 4 * 1024 * 1024,
  maxPublishesPerSecond: 0,
  maxClientBufferBytes: 2 * 1024 * 1024,
  drainTimeoutMs: 10_000,
  maxAbsentSessions: 10_000,
  maxQueuedMessagesPerClient: 1_000,
  maxQueuedBytesPerClient: 1024 * 1024,
  maxQueuedBytes: 64 * 1024 * 1024,
  maxRetainedMessages: 10_000,
  maxRetainedBytes: 64 * 1024 * 1024,
  maxUnreleasedPerClient: 1_000,
  maxUnreleased: 100_000,
};
