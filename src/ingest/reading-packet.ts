/** A PUBLISH of QoS 0 (MQTT 3.1.1, 3.3): the same bytes for every subscriber, since it has no packet id. */
export function readingPacket(topic: string, payload: string, retain: boolean): Buffer {
  const topicBytes = Buffer.byteLength(topic);
  const length = 2 + topicBytes + Buffer.byteLength(payload);
  const head = [retain ? 0x31 : 0x30];
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
  packet.writeUInt16BE(topicBytes, head.length);
  packet.write(topic, head.length + 2);
  packet.write(payload, head.length + 2 + topicBytes);
  return packet;
}
