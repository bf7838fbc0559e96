import { encode } from "@msgpack/msgpack";
import { MarkerScanner } from "./marker.ts";
import { connectPacket, PacketScanner, subscribePacket } from "./mqtt.ts";
import { deviceTopic, wildFilter } from "./payload.ts";
import { openSocket } from "./socket.ts";
import { clientFrame, FrameScanner, HandshakeReader, opcodes, upgradeRequest } from "./websocket.ts";

/** What dashboards do. */
export interface ReadJob {
  readonly port: number;
  /** `topics`: the baselines' own manner, the subscription is in the path. `mqtt`: a subscriber of a broker, over TCP. */
  readonly kind: "fieldcast" | "topics" | "mqtt";
  readonly dashboards: number;
  /** Each follows everything, or one device: number `index % devices`, or everything by a filter of `wildFilter`. */
  readonly watch: "everything" | "device" | "wild";
  /** With `wild`: so many different filters. */
  readonly filters?: number;
  readonly devices: number;
  /** So many of the dashboards, evenly spread, look at the age of what they get. */
  readonly aged: number;
}

export interface ReadCounts {
  readonly bytes: number;
  readonly frames: number;
  readonly readings: number;
}

export interface Verdict {
  /** Readings that a dashboard should have got and did not, over all dashboards. */
  readonly lost: number;
  /** Readings beyond those that were sent to it, over all dashboards. */
  readonly extra: number;
}

const openTogether = 100;
/** Ages kept of one run. */
const maxAges = 500_000;

/** Dashboards that count what they get and look at nothing else. */
export class Reader {
  readonly #job: ReadJob;
  readonly #dashboards: Dashboard[] = [];
  #ages: number[] = [];

  constructor(job: ReadJob) {
    this.#job = job;
  }

  /** Opens so many dashboards (all, if not said) and resolves when each is subscribed. */
  async connect(count = this.#job.dashboards): Promise<void> {
    for (let left = count; left > 0; left -= openTogether) {
      const first = this.#dashboards.length;
      const opening = Array.from({ length: Math.min(left, openTogether) }, (_, i) =>
        openDashboard(first + i, this.#job),
      );
      this.#dashboards.push(...(await Promise.all(opening)));
    }
  }

  counts(): ReadCounts {
    const counts = { bytes: 0, frames: 0, readings: 0 };
    for (const { traffic, frames, markers } of this.#dashboards) {
      counts.bytes += traffic.bytes;
      counts.frames += frames.frames;
      counts.readings += markers.count;
    }
    return counts;
  }

  /** From now on ages are kept. */
  startAging(): void {
    const step = Math.max(1, Math.floor(this.#dashboards.length / this.#job.aged));
    const keep = (ageMs: number) => {
      if (this.#ages.length < maxAges) this.#ages.push(ageMs);
    };
    for (let i = 0; i < this.#dashboards.length; i += step)
      (this.#dashboards[i] as Dashboard).markers.onAge = keep;
  }

  /** The ages in milliseconds that are reached by half and by 99 % of the readings since `startAging`. */
  stopAging(): { p50Ms: number; p99Ms: number } {
    for (const { markers } of this.#dashboards) markers.onAge = null;
    const sorted = Float64Array.from(this.#ages).sort();
    this.#ages = [];
    const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
    return { p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  /** Compares each dashboard with what the devices sent. Loss and surplus do not cancel out. */
  verdict(sentByDevice: readonly number[]): Verdict {
    const all = sentByDevice.reduce((sum, sent) => sum + sent, 0);
    let lost = 0;
    let extra = 0;
    for (const [index, { markers }] of this.#dashboards.entries()) {
      const { watch } = this.#job;
      const expected = watch !== "device" ? all : (sentByDevice[index % sentByDevice.length] as number);
      lost += Math.max(0, expected - markers.count);
      extra += Math.max(0, markers.count - expected);
    }
    return { lost, extra };
  }
}

interface Dashboard {
  readonly traffic: { bytes: number };
  readonly frames: FrameCounter;
  readonly markers: MarkerScanner;
}

interface FrameCounter {
  readonly frames: number;
}

function openDashboard(index: number, job: ReadJob): Promise<Dashboard> {
  return job.kind === "mqtt" ? openMqttSubscriber(index, job) : openWebSocket(index, job);
}

function openWebSocket(index: number, job: ReadJob): Promise<Dashboard> {
  return new Promise((resolve) => {
    const handshake = new HandshakeReader();
    const frames = new FrameScanner(() => socket.write(clientFrame(opcodes.pong, new Uint8Array(0))));
    const markers = new MarkerScanner();
    const traffic = { bytes: 0 };
    // Fieldcast answers with `welcome` and `subscribed`; the others are subscribed as soon as they are open.
    const readyFrames = job.kind === "fieldcast" ? 2 : 0;
    let isOpen = false;
    let isReady = false;
    const socket = openSocket(job.port, (chunk, end) => {
      let start = 0;
      if (!isOpen) {
        start = handshake.push(chunk, end);
        if (start < 0) return;
        isOpen = true;
        if (job.kind === "fieldcast") socket.write(subscribeFrame(index, job));
      }
      frames.push(chunk, start, end);
      markers.push(chunk, start, end);
      traffic.bytes += end - start;
      if (isReady || frames.frames < readyFrames) return;
      isReady = true;
      resolve({ traffic, frames, markers });
    });
    socket.write(upgrade(index, job));
  });
}

function openMqttSubscriber(index: number, job: ReadJob): Promise<Dashboard> {
  return new Promise((resolve) => {
    const packets = new PacketScanner();
    const markers = new MarkerScanner();
    const traffic = { bytes: 0 };
    const frames: FrameCounter = {
      get frames() {
        return packets.published;
      },
    };
    let hasAsked = false;
    let isReady = false;
    const socket = openSocket(job.port, (chunk, end) => {
      packets.push(chunk, 0, end);
      markers.push(chunk, 0, end);
      traffic.bytes += end;
      if (isReady) return;
      if (!hasAsked && packets.accepted > 0) {
        hasAsked = true;
        socket.write(subscribePacket(mqttFilter(index, job), 1));
      }
      if (packets.subscribed === 0) return;
      isReady = true;
      resolve({ traffic, frames, markers });
    });
    socket.write(connectPacket(`dashboard-${index}`));
  });
}

function upgrade(index: number, { kind, watch, devices }: ReadJob): Buffer {
  if (kind === "fieldcast") return upgradeRequest("/stream", "fieldcast.v1.msgpack");
  return upgradeRequest(watch === "everything" ? "/all" : `/topic/${deviceTopic(index % devices)}`, null);
}

function mqttFilter(index: number, { watch, devices, filters = 1 }: ReadJob): string {
  if (watch === "everything") return "telemetry/#";
  return watch === "wild" ? wildFilter(index % filters) : deviceTopic(index % devices);
}

/** Fieldcast's topics are those of MQTT without the first level. */
function subscribeFrame(index: number, job: ReadJob): Buffer {
  const filter = job.watch === "everything" ? "#" : mqttFilter(index, job).replace("telemetry/", "");
  return clientFrame(opcodes.binary, encode({ type: "subscribe", id: 1, filter, from: "now" }));
}
