/** The fields of a PUBLISH that Aedes reads from a store. */
export interface StoredPublish {
  readonly cmd: "publish";
  readonly brokerId: string;
  /** Unique per message within this broker's life. */
  readonly brokerCounter: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly dup: boolean;
  /** Set once it was sent to the client whose queue it is in. */
  messageId?: number | undefined;
}

/** A copy of `packet` to keep. Its payload does not hold on to the much larger buffer that it was read into. */
export function storedPublish(packet: StoredPublish): StoredPublish {
  return {
    cmd: "publish",
    brokerId: packet.brokerId,
    brokerCounter: packet.brokerCounter,
    topic: packet.topic,
    payload: ownBytes(packet.payload),
    qos: packet.qos,
    retain: packet.retain,
    dup: packet.dup,
  };
}

/** `payload` itself if it fills its memory, else a copy that does; a queue's sharers pass the same bytes. */
export function ownBytes(payload: Buffer): Buffer {
  if (payload.buffer.byteLength <= 2 * payload.length) return payload;
  const copy = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(copy);
  return copy;
}
