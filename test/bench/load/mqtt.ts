/** MQTT 3.1.1 packets as bytes, and a scanner that only counts what comes back. */

/** A CONNECT with clean session and no keep-alive (MQTT 3.1.1, 3.1). */
export function connectPacket(clientId: string): Buffer {
  const keepAliveNone = [0, 0];
  const head = Buffer.from([0, 4, ...Buffer.from("MQTT"), 4, 2, ...keepAliveNone]);
  const id = lengthPrefixed(clientId);
  return Buffer.concat([Buffer.from([0x10]), remainingLength(head.length + id.length), head, id]);
}

/** A PUBLISH with QoS 0, or with QoS 1 and the packet id (MQTT 3.1.1, 3.3). */
export function publishPacket(topic: string, payload: Buffer, qos: 0 | 1, packetId: number): Buffer {
  const name = lengthPrefixed(topic);
  const id = qos === 0 ? Buffer.alloc(0) : Buffer.from([packetId >> 8, packetId & 0xff]);
  const length = remainingLength(name.length + id.length + payload.length);
  return Buffer.concat([Buffer.from([0x30 | (qos << 1)]), length, name, id, payload]);
}

/** A SUBSCRIBE to one filter with QoS 0 (MQTT 3.1.1, 3.8). */
export function subscribePacket(filter: string, packetId: number): Buffer {
  const name = lengthPrefixed(filter);
  const id = Buffer.from([packetId >> 8, packetId & 0xff]);
  const qos = Buffer.from([0]);
  return Buffer.concat([Buffer.from([0x82]), remainingLength(name.length + 3), id, name, qos]);
}

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** The variable-length integer of the fixed header (MQTT 3.1.1, 2.2.3). */
function remainingLength(length: number): Buffer {
  const bytes: number[] = [];
  let rest = length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** Counts the packets in a stream of bytes that may be cut anywhere. */
export class PacketScanner {
  /** CONNACKs that accepted the connection. */
  accepted = 0;
  pubacks = 0;
  /** SUBACKs that granted the subscription. */
  subscribed = 0;
  /** PUBLISH packets. */
  published = 0;
  #type = 0;
  #at: "type" | "length" | "body" = "type";
  #left = 0;
  #scale = 1;
  #lastByte = 0;

  /** Takes the bytes of `chunk` from `start` to `end`. @throws Error at a packet that a client does not expect */
  push(chunk: Uint8Array, start: number, end: number): void {
    for (let i = start; i < end; ) {
      const byte = chunk[i] as number;
      if (this.#at === "body") {
        const taken = Math.min(this.#left, end - i);
        i += taken;
        this.#left -= taken;
        this.#lastByte = chunk[i - 1] as number;
        if (this.#left === 0) this.#finish();
        continue;
      }
      i++;
      if (this.#at === "type") this.#begin(byte);
      else this.#readLength(byte);
    }
  }

  #begin(byte: number): void {
    this.#type = byte >> 4;
    this.#left = 0;
    this.#scale = 1;
    this.#at = "length";
  }

  #readLength(byte: number): void {
    this.#left += (byte & 0x7f) * this.#scale;
    this.#scale *= 128;
    if ((byte & 0x80) !== 0) return;
    if (this.#left === 0) this.#finish();
    else this.#at = "body";
  }

  #finish(): void {
    this.#at = "type";
    if (this.#type === 3) this.published++;
    else if (this.#type === 4) this.pubacks++;
    else if (this.#type === 9 && this.#lastByte < 0x80) this.subscribed++;
    else if (this.#type === 2 && this.#lastByte === 0) this.accepted++;
    else if (this.#type === 2)
      throw new Error(`the broker refused the connection with code ${this.#lastByte}`);
    else throw new Error(`an MQTT packet of type ${this.#type} was not expected`);
  }
}
