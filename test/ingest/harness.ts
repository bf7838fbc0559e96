import { once } from "node:events";
import { connect, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { generate, type IConnectPacket, type Packet as MqttPacket, parser } from "mqtt-packet";
import { onTestFinished, vi } from "vitest";
import { type BrokerOptions, type MqttBroker, startBroker } from "../../src/ingest/broker.ts";
import { defaultMqttLimits, type MqttLimits } from "../../src/ingest/limits.ts";
import { systemClock } from "../../src/model/clock.ts";
import type { Packet } from "../../src/model/packet.ts";
import { silentLogger } from "../../src/observe/log.ts";

type Options = Partial<Omit<BrokerOptions, "limits">> & { limits?: Partial<MqttLimits> };

/** A broker on a free port that ends with the test. */
export async function broker(options: Options = {}): Promise<MqttBroker> {
  const { limits, ...rest } = options;
  const started = await startBroker({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    logger: silentLogger,
    onPacket: () => null,
    ...rest,
    limits: { ...defaultMqttLimits, ...limits },
  });
  onTestFinished(() => started.close(0));
  return started;
}

/** A pipeline whose commits end when the test says so. */
export class Commits {
  readonly packets: Packet[] = [];
  readonly #pending: { resolve: () => void; reject: (error: Error) => void }[] = [];

  readonly onPacket = (packet: Packet): Promise<void> => {
    this.packets.push({ ...packet, payload: Buffer.from(packet.payload) });
    return new Promise((resolve, reject) => this.#pending.push({ resolve, reject }));
  };

  /** The same without anything to wait for. */
  readonly note = (packet: Packet): null => {
    this.packets.push({ ...packet, payload: Buffer.from(packet.payload) });
    return null;
  };

  get topics(): string[] {
    return this.packets.map(({ topic }) => topic);
  }

  resolve(index: number): void {
    this.#pending[index]?.resolve();
  }

  reject(index: number, error: Error): void {
    this.#pending[index]?.reject(error);
  }
}

/** A client that sends exactly the bytes it is told to. */
export class RawClient {
  readonly socket: Duplex;
  readonly received: MqttPacket[] = [];
  closed = false;

  constructor(socket: Duplex) {
    this.socket = socket;
    const packets = parser();
    packets.on("packet", (packet) => this.received.push(packet));
    socket.on("data", (bytes) => packets.parse(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
    });
  }

  send(...packets: (MqttPacket | Buffer)[]): void {
    this.socket.write(
      Buffer.concat(packets.map((packet) => (Buffer.isBuffer(packet) ? packet : generate(packet)))),
    );
  }

  /** What came of one kind. */
  of(cmd: MqttPacket["cmd"]): MqttPacket[] {
    return this.received.filter((packet) => packet.cmd === cmd);
  }

  ids(cmd: MqttPacket["cmd"]): (number | undefined)[] {
    return this.of(cmd).map(({ messageId }) => messageId);
  }
}

export async function raw(to: MqttBroker): Promise<RawClient> {
  const socket = connect({ port: to.port, host: "127.0.0.1", noDelay: true });
  onTestFinished(() => void socket.destroy());
  const client = new RawClient(socket);
  await once(socket, "connect");
  return client;
}

/** Breaks the connection off: not even a FIN leaves. */
export function reset({ socket }: RawClient): void {
  if (!(socket instanceof Socket)) throw new Error("not a TCP socket");
  socket.resetAndDestroy();
}

/** Connects and waits for CONNACK. */
export async function session(to: MqttBroker, clientId: string, clean = true): Promise<RawClient> {
  const client = await raw(to);
  client.send(connectPacket(clientId, clean));
  await until(() => client.of("connack").length === 1);
  return client;
}

export function connectPacket(clientId: string, clean = true): IConnectPacket {
  return { cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clean, clientId, keepalive: 0 };
}

export function publishPacket(
  topic: string,
  qos: 0 | 1 | 2,
  messageId?: number,
  more: { dup?: boolean; retain?: boolean; payload?: string | Buffer } = {},
): MqttPacket {
  const packet = { cmd: "publish", topic, qos, payload: "x", dup: false, retain: false, ...more } as const;
  return messageId === undefined ? packet : { ...packet, messageId };
}

export function subscribePacket(filters: string[], qos: 0 | 1 | 2 = 0, messageId = 1): MqttPacket {
  return { cmd: "subscribe", messageId, subscriptions: filters.map((topic) => ({ topic, qos })) };
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error(`never held: ${condition}`);
    },
    { timeout: 10_000, interval: 5 },
  );
}

/** Everything sent before has been handled: the broker answers in order. */
export async function roundTrip(client: RawClient): Promise<void> {
  const before = client.of("pingresp").length;
  client.send({ cmd: "pingreq" });
  await until(() => client.of("pingresp").length > before);
}
