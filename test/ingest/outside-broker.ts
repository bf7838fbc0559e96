import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import { generate, type IConnectPacket, type Packet as MqttPacket, parser } from "mqtt-packet";
import { onTestFinished } from "vitest";

/** A broker on the wire that does only what the test says: it shows which acknowledgement left when. */
export class OutsideBroker {
  readonly received: MqttPacket[] = [];
  readonly connects: IConnectPacket[] = [];
  readonly port: number;
  /** What CONNACK says of the session. */
  hasSession = false;
  /** Return code of CONNACK. */
  connack = 0;
  /** Granted to every filter of a SUBSCRIBE. */
  grant: 0 | 1 | 2 | 128 = 2;
  #socket: Socket | null = null;
  #version: 4 | 5 = 4;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<OutsideBroker> {
    const holder: { broker: OutsideBroker | null } = { broker: null };
    const server = createServer((socket) => holder.broker?.accept(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const broker = new OutsideBroker((server.address() as AddressInfo).port);
    holder.broker = broker;
    onTestFinished(() => {
      broker.drop();
      server.close();
    });
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get isConnected(): boolean {
    return this.#socket !== null;
  }

  of(cmd: MqttPacket["cmd"]): MqttPacket[] {
    return this.received.filter((packet) => packet.cmd === cmd);
  }

  ids(cmd: MqttPacket["cmd"]): (number | undefined)[] {
    return this.of(cmd).map(({ messageId }) => messageId);
  }

  send(...packets: MqttPacket[]): void {
    const options = { protocolVersion: this.#version };
    this.#socket?.write(Buffer.concat(packets.map((packet) => generate(packet, options))));
  }

  publish(topic: string, qos: 0 | 1 | 2, messageId = 0, payload = "x", dup = false): void {
    this.send({ cmd: "publish", topic, qos, messageId, payload, dup, retain: false });
  }

  drop(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  private accept(socket: Socket): void {
    const packets = parser();
    packets.on("packet", (packet) => {
      this.received.push(packet);
      this.#answer(socket, packet);
    });
    socket.on("data", (bytes) => packets.parse(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = null;
    });
  }

  #answer(socket: Socket, packet: MqttPacket): void {
    if (packet.cmd === "connect") {
      this.connects.push(packet);
      this.#version = packet.protocolVersion === 5 ? 5 : 4;
      this.#socket = socket;
      this.send({
        cmd: "connack",
        sessionPresent: this.hasSession,
        ...(this.#version === 5 ? { reasonCode: this.connack } : { returnCode: this.connack }),
      });
    }
    if (packet.cmd === "subscribe") {
      const granted = packet.subscriptions.map(() => this.grant);
      this.send({ cmd: "suback", messageId: packet.messageId as number, granted });
    }
    if (packet.cmd === "pingreq") this.send({ cmd: "pingresp" });
  }
}
