import type { StoredRelease } from "./offline-queue.ts";
import type { StoredPublish } from "./stored-packet.ts";

/** A PUBLISH of QoS 0 (MQTT 3.1.1, 3.3): the same bytes for every subscriber, since it has no packet id. */
export function readingPacket(topic: string, payload: string, retain: boolean): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const { packet, body } = begun(retain ? 0x31 : 0x30, 2 + topicBytes + Buffer.byteLength(payload));
  packet.writeUInt16BE(topicBytes, body);
  packet.write(topic, body + 2);
  packet.write(payload, body + 2 + topicBytes);
  return packet;
}

/** A message or a PUBREL out of a session's queue, under `messageId` (MQTT 3.1.1, 3.3 and 3.6). */
export function queuedPacket(queued: StoredPublish | StoredRelease, messageId: number): Buffer {
  if (queued.cmd === "pubrel") return Buffer.from([0x62, 2, messageId >> 8, messageId & 0xff]);
  const { topic, payload, qos, dup } = queued;
  const topicBytes = Buffer.byteLength(topic);
  const { packet, body } = begun(0x30 | (dup ? 0x08 : 0) | (qos << 1), 4 + topicBytes + payload.length);
  packet.writeUInt16BE(topicBytes, body);
  packet.write(topic, body + 2);
  packet.writeUInt16BE(messageId, body + 2 + topicBytes);
  payload.copy(packet, body + 4 + topicBytes);
  return packet;
}

/** Memory for a packet with its fixed header (MQTT 3.1.1, 2.2); `length` bytes are to be written from `body` on. */
function begun(first: number, length: number): { packet: Buffer; body: number } {
  const head = [first];
  for (let rest = length; ; rest = Math.floor(rest / 128)) {
    // MQTT 3.1.1, 2.2.3
    if (rest < 128) {
      head.push(rest);
      break;
    }
    head.push((rest % 128) | 0x80);
  }
  const packet = Buffer.allocUnsafe(head.length + length);
  packet.set(head);
  return { packet, body: head.length };
}
