import { isUtf8 } from "node:buffer";
import { filterProblem } from "../model/filter.ts";
import type { MqttLimits } from "./limits.ts";
import type { RefusalReason } from "./stats.ts";

/** MQTT control packet types that a client may send (MQTT 3.1.1, 2.2.1). */
export const packetType = {
  connect: 1,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
} as const;

/** Those of them that Aedes answers, CONNECT and PUBLISH apart. */
export const answeredTypes: ReadonlySet<number> = new Set([
  packetType.pubrel,
  packetType.subscribe,
  packetType.unsubscribe,
  packetType.pingreq,
]);

/** Aedes' router throws beyond this number of levels, so nothing deeper may reach it. */
const maxTopicLevels = 100;

const clientTypes: ReadonlySet<number> = new Set(Object.values(packetType));

function firstByteProblem(first: number): RefusalReason | null {
  const type = first >> 4;
  const flags = first & 0x0f;
  if (!clientTypes.has(type)) return "reservedType";
  if (type === packetType.publish) return (flags & 0x06) === 0x06 ? "qos3" : null;
  const wanted =
    type === packetType.pubrel || type === packetType.subscribe || type === packetType.unsubscribe ? 2 : 0;
  return flags === wanted ? null : "reservedFlags";
}

/** What is wrong with a packet's first byte, by that byte (MQTT 3.1.1, 2.2). */
export const firstByteProblems: readonly (RefusalReason | null)[] = Array.from({ length: 256 }, (_, first) =>
  firstByteProblem(first),
);

/** Checks a topic name that lies in `bytes` from `start` to `end` (MQTT 3.1.1, 1.5.3 and 4.7). */
export function topicNameProblem(bytes: Buffer, start: number, end: number): RefusalReason | null {
  if (start === end) return "badTopic";
  let levels = 1;
  let ascii = true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === 0x2f) levels++;
    else if (byte === 0 || byte === 0x23 || byte === 0x2b) return "badTopic";
    else if (byte >= 0x80) ascii = false;
  }
  if (levels > maxTopicLevels) return "badTopic";
  if (!ascii && !isUtf8(bytes.subarray(start, end))) return "badUtf8";
  if (bytes[start] === 0x24 && bytes.toString("latin1", start, Math.min(end, start + 5)).startsWith("$SYS")) {
    return "sysTopic";
  }
  return null;
}

/** Walks the length-prefixed fields of one packet. `null` from a read means that the packet is too short for it. */
class Fields {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number | null {
    return this.done ? null : (this.bytes[this.at++] as number);
  }

  short(): number | null {
    if (this.at + 2 > this.bytes.length) return null;
    this.at += 2;
    return this.bytes.readUInt16BE(this.at - 2);
  }

  field(): Buffer | null {
    const length = this.short();
    if (length === null || this.at + length > this.bytes.length) return null;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** True for UTF-8 without the null character (MQTT-1.5.3-1, MQTT-1.5.3-2). */
function isText(bytes: Buffer): boolean {
  return isUtf8(bytes) && !bytes.includes(0);
}

/** Checks the variable header and payload of a SUBSCRIBE or UNSUBSCRIBE (MQTT 3.1.1, 3.8 and 3.10). */
function filtersProblem(body: Buffer, withQos: boolean, limits: MqttLimits): RefusalReason | null {
  const fields = new Fields(body, 0);
  const id = fields.short();
  if (id === null || fields.done) return "malformed";
  if (id === 0) return "packetIdZero";
  for (let count = 1; !fields.done; count++) {
    if (count > limits.maxFiltersPerSubscribe) return "tooManyFilters";
    const filter = fields.field();
    if (filter === null) return "malformed";
    if (!isUtf8(filter)) return "badUtf8";
    if (filterProblem(filter.toString()) !== null) return "badFilter";
    if (!withQos) continue;
    const qos = fields.byte();
    if (qos === null || qos > 3) return "malformed";
    if (qos === 3) return "qos3";
  }
  return null;
}

/** Checks what follows the fixed header of a packet that is neither CONNECT nor PUBLISH (MQTT 3.1.1, 3.4 to 3.14). */
export function controlProblem(type: number, body: Buffer, limits: MqttLimits): RefusalReason | null {
  switch (type) {
    case packetType.subscribe:
    case packetType.unsubscribe:
      return filtersProblem(body, type === packetType.subscribe, limits);
    case packetType.pingreq:
    case packetType.disconnect:
      return body.length > 0 ? "malformed" : null;
    default:
      if (body.length !== 2) return "malformed";
      return body.readUInt16BE(0) === 0 ? "packetIdZero" : null;
  }
}

/** A refusal and, where MQTT has an answer for it, the CONNACK return code that goes out first. */
export interface ConnectProblem {
  readonly reason: RefusalReason;
  readonly returnCode: number | null;
}

function problem(reason: RefusalReason, returnCode: number | null = null): ConnectProblem {
  return { reason, returnCode };
}

/** Checks the variable header and payload of a CONNECT (MQTT 3.1.1, 3.1; MQTT 3.1 for its protocol name). */
export function connectProblem(body: Buffer, limits: MqttLimits): ConnectProblem | null {
  const fields = new Fields(body, 0);
  const name = fields.field()?.toString("latin1");
  if (name !== "MQTT" && name !== "MQIsdp") return problem("malformed");
  const level = fields.byte();
  if (level === null) return problem("malformed");
  // The high bit marks a bridge (a convention of mosquitto that Aedes understands).
  if ((level & 0x7f) !== (name === "MQTT" ? 4 : 3)) return problem("protocolVersion", 1); // MQTT-3.1.2-2
  const flags = fields.byte();
  if (flags === null || fields.short() === null) return problem("malformed");
  if (flags & 0x01) return problem("reservedFlags"); // MQTT-3.1.2-3
  const clientId = fields.field();
  if (clientId === null) return problem("malformed");
  if (!isText(clientId)) return problem("badUtf8");
  if (clientId.length === 0 && !(flags & 0x02)) return problem("emptyClientId", 2); // MQTT-3.1.3-8
  if (clientId.length > limits.maxClientIdBytes) return problem("clientIdTooLong", 2);
  const reason = willProblem(fields, flags) ?? loginProblem(fields, flags);
  return reason === null ? null : problem(reason);
}

/**
 * Reads the keepalive of a good CONNECT, in seconds, and sets it to 0 in its bytes: who keeps watch over the wire does it for
 * Aedes too, which would not see every packet.
 */
export function takeKeepalive(body: Buffer): number {
  const at = 2 + body.readUInt16BE(0) + 2;
  const keepaliveS = body.readUInt16BE(at);
  body.writeUInt16BE(0, at);
  return keepaliveS;
}

function willProblem(fields: Fields, flags: number): RefusalReason | null {
  const qos = (flags >> 3) & 0x03;
  if (!(flags & 0x04)) return flags & 0x38 ? "badWill" : null; // MQTT-3.1.2-13, MQTT-3.1.2-15
  if (qos === 3) return "qos3";
  const topic = fields.field();
  if (topic === null || fields.field() === null) return "malformed";
  const reason = topicNameProblem(topic, 0, topic.length);
  return reason === "badTopic" ? "badWill" : reason;
}

function loginProblem(fields: Fields, flags: number): RefusalReason | null {
  const hasName = (flags & 0x80) !== 0;
  const hasPassword = (flags & 0x40) !== 0;
  if (hasPassword && !hasName) return "malformed"; // MQTT-3.1.2-22
  if (hasName) {
    const name = fields.field();
    if (name === null) return "malformed";
    if (!isText(name)) return "badUtf8";
  }
  if (hasPassword && fields.field() === null) return "malformed";
  return fields.done ? null : "malformed";
}

/** One packet in some bytes: its first byte, where what follows its length begins, and where it ends. */
interface PlacedPacket {
  readonly at: number;
  readonly body: number;
  readonly end: number;
}

/** The whole packets with which `bytes` begins, up to one that no client may send. */
export function* wholePackets(bytes: Buffer): Generator<PlacedPacket> {
  let at = 0;
  while (at + 2 <= bytes.length) {
    if (firstByteProblems[bytes[at] as number] !== null) return;
    let length = 0;
    let body = at + 1;
    for (let factor = 1, more = true; more; factor *= 128) {
      if (factor > 2_097_152 || body >= bytes.length) return;
      const byte = bytes[body++] as number;
      length += (byte & 0x7f) * factor;
      more = byte >= 0x80;
    }
    const end = body + length;
    if (end > bytes.length) return;
    yield { at, body, end };
    at = end;
  }
}

/** True if there is a DISCONNECT among the whole packets with which `bytes` begins. */
export function hasDisconnect(bytes: Buffer): boolean {
  for (const { at, body, end } of wholePackets(bytes))
    if ((bytes[at] as number) >> 4 === packetType.disconnect) return body === end;
  return false;
}
