import { connectPacket, PacketScanner, publishPacket } from "./mqtt.ts";
import { deepTopic, deviceTopic, gpsPayload } from "./payload.ts";
import { openSocket } from "./socket.ts";
import { clientFrame, HandshakeReader, opcodes, upgradeRequest } from "./websocket.ts";

/** What devices do. */
export interface PublishJob {
  readonly port: number;
  /** `websocket` feeds the baselines that have no broker: one frame a reading, from `/feed/<topic>`. */
  readonly kind: "mqtt" | "websocket";
  readonly qos: 0 | 1;
  readonly devices: number;
  /** The lines they belong to, which then are a level of their topics. */
  readonly lines?: number;
  /** Their topics have the levels that `wildFilter` needs. */
  readonly deep?: boolean;
  /** Of all devices together, in turn. */
  readonly readingsPerSecond: number;
  /** Readings that a device sends in one write. */
  readonly burst: number;
}

export interface PublishCounts {
  readonly sent: number;
  readonly acked: number;
  readonly sentByDevice: readonly number[];
}

/** Connections opened at a time, so that the listener's backlog is not the first thing measured. */
const openTogether = 100;
const tickMs = 1;

/** Devices that publish at a steady rate. A late timer is caught up, so that the rate holds on average. */
export class Publisher {
  readonly #job: PublishJob;
  #devices: Device[] = [];
  #sent = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(job: PublishJob) {
    this.#job = job;
  }

  /** Resolves when every device may publish. */
  async connect(): Promise<void> {
    for (let first = 0; first < this.#job.devices; first += openTogether) {
      const count = Math.min(openTogether, this.#job.devices - first);
      const opening = Array.from({ length: count }, (_, i) => openDevice(first + i, this.#job));
      this.#devices.push(...(await Promise.all(opening)));
    }
  }

  start(): void {
    const { readingsPerSecond, burst } = this.#job;
    const startedAt = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - startedAt) / 1_000) * readingsPerSecond;
      while (this.#sent + burst <= due) this.#sendBurst(burst);
    }, tickMs);
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  counts(): PublishCounts {
    const sentByDevice = this.#devices.map(({ sent }) => sent);
    return {
      sent: this.#sent,
      acked: this.#devices.reduce((sum, { acked }) => sum + acked, 0),
      sentByDevice,
    };
  }

  #sendBurst(burst: number): void {
    const device = this.#devices[(this.#sent / burst) % this.#devices.length];
    const payloads = Array.from({ length: burst }, (_, i) => gpsPayload(this.#sent + i));
    device?.send(payloads);
    this.#sent += burst;
  }
}

interface Device {
  readonly sent: number;
  readonly acked: number;
  send(payloads: readonly Buffer[]): void;
}

function openDevice(index: number, job: PublishJob): Promise<Device> {
  return job.kind === "mqtt" ? openMqttDevice(index, job) : openWebSocketDevice(index, job);
}

function openMqttDevice(index: number, { port, qos, lines, deep }: PublishJob): Promise<Device> {
  return new Promise((resolve) => {
    const scanner = new PacketScanner();
    const topic = deep === true ? deepTopic(index) : deviceTopic(index, lines);
    const device = {
      sent: 0,
      get acked() {
        return scanner.pubacks;
      },
      send(payloads: readonly Buffer[]) {
        const packets = payloads.map((payload) =>
          publishPacket(topic, payload, qos, (device.sent++ % 65_535) + 1),
        );
        socket.write(packets.length === 1 ? (packets[0] as Buffer) : Buffer.concat(packets));
      },
    };
    const socket = openSocket(port, (chunk, end) => {
      const wasAccepted = scanner.accepted > 0;
      scanner.push(chunk, 0, end);
      if (!wasAccepted && scanner.accepted > 0) resolve(device);
    });
    socket.write(connectPacket(`dev-${index}`));
  });
}

function openWebSocketDevice(index: number, { port }: PublishJob): Promise<Device> {
  return new Promise((resolve) => {
    const handshake = new HandshakeReader();
    const device = {
      sent: 0,
      acked: 0,
      send(payloads: readonly Buffer[]) {
        device.sent += payloads.length;
        socket.write(Buffer.concat(payloads.map((payload) => clientFrame(opcodes.text, payload))));
      },
    };
    let isOpen = false;
    const socket = openSocket(port, (chunk, end) => {
      if (isOpen || handshake.push(chunk, end) < 0) return;
      isOpen = true;
      resolve(device);
    });
    socket.write(upgradeRequest(`/feed/${deviceTopic(index)}`, null));
  });
}
