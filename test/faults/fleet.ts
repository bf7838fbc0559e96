import { connect as connectMqtt, type MqttClient } from "mqtt";
import { connect, type Fieldcast } from "../../src/client/node.ts";
import type { GatewayProcess } from "../support/gateway-process.ts";

/** Readings of one device that wait for their acknowledgement. */
const windowSize = 10;
/** Between two readings of QoS 0. */
const livePaceMs = 10;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until a condition holds. @throws Error that says which did not in time */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await pause(10);
  }
}

/** What `/readyz` says. */
export async function readiness(gateway: GatewayProcess) {
  const answer = await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`);
  const {
    epoch = "",
    head = 0,
    problems = [],
  } = (await answer.json()) as {
    epoch?: string;
    head?: number;
    problems?: string[];
  };
  return { isReady: answer.status === 200, epoch, head, problems: problems.join("; ") };
}

/**
 * Devices that publish numbered readings, each with its own time, at QoS 1 (sent again until they are acknowledged, over new connections)
 * and, at a pace, at QoS 0; and which of them were acknowledged when.
 */
export class Fleet {
  /** By number, when its PUBACK came: `process.hrtime.bigint()`. */
  readonly acknowledged = new Map<number, bigint>();
  readonly #clients: MqttClient[] = [];
  #last = 0;
  /** At QoS 1, without an acknowledgement so far. */
  #waiting = 0;
  #isStopped = false;

  readonly #note: string;

  /**
   * @param devices publish at QoS 1; one more does at QoS 0 if `isLive`
   * @param noteChars length of a text in each reading
   */
  constructor(gateway: GatewayProcess, devices: number, { isLive = true, noteChars = 0 } = {}) {
    this.#note = "x".repeat(noteChars);
    for (let device = 0; device < devices; device++) {
      const client = this.#connect(gateway, `van-${device}`);
      client.once("connect", () => {
        for (let slot = 0; slot < windowSize; slot++) this.#publishNext(client, `van-${device}`);
      });
    }
    if (isLive) void this.#live(this.#connect(gateway, "live"));
  }

  /** Numbers that were published so far are no higher. */
  get last(): number {
    return this.#last;
  }

  /** Publishes nothing new any more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Publishes nothing new any more, and waits until everything at QoS 1 is acknowledged. */
  async finish(): Promise<void> {
    this.stop();
    await until("everything is acknowledged", () => this.#waiting === 0);
  }

  /** Closes every connection at once. */
  close(): void {
    this.stop();
    for (const client of this.#clients) client.end(true);
  }

  #connect(gateway: GatewayProcess, clientId: string): MqttClient {
    const url = `mqtt://127.0.0.1:${gateway.mqttPort}`;
    const client = connectMqtt(url, { reconnectPeriod: 100, clientId, queueQoSZero: false });
    client.on("error", () => {});
    this.#clients.push(client);
    return client;
  }

  #payload(n: number): string {
    return JSON.stringify({ lat: 60.17, lon: 24.94, n, note: this.#note, time: Date.now() });
  }

  #publishNext(client: MqttClient, device: string): void {
    if (this.#isStopped) return;
    const n = ++this.#last;
    this.#waiting++;
    client.publish(`telemetry/gps/${device}`, this.#payload(n), { qos: 1 }, (error) => {
      if (error) return;
      this.#waiting--;
      this.acknowledged.set(n, process.hrtime.bigint());
      this.#publishNext(client, device);
    });
  }

  async #live(client: MqttClient): Promise<void> {
    while (!this.#isStopped) {
      if (client.connected) client.publish("telemetry/gps/live", this.#payload(++this.#last), { qos: 0 });
      await pause(livePaceMs);
    }
  }
}

/** A subscriber of everything, from the log's beginning on, that comes back by itself. */
export class Follower {
  readonly seqs: number[] = [];
  readonly numbers: number[] = [];
  readonly gaps: { readonly reason: string; readonly from: number | null; readonly to: number | null }[] = [];
  /** How much it had received when it was told of each gap. */
  readonly gapsAt: number[] = [];
  readonly #fieldcast: Fieldcast;

  constructor(gateway: GatewayProcess, epoch: string) {
    this.#fieldcast = connect(gateway.url, { backoff: { maxDelayMs: 300 } });
    const options = {
      from: { cursor: `${epoch}:0` },
      onGap: (gap: Follower["gaps"][number]) => {
        this.gaps.push(gap);
        this.gapsAt.push(this.seqs.length);
      },
    };
    this.#fieldcast.subscribe("gps/#", options, ({ seq, values, snapshot }) => {
      if (snapshot) return;
      this.seqs.push(seq);
      this.numbers.push(Number((values as Record<string, unknown>)["n"]));
    });
  }

  /** Waits until it has received so many more. */
  async more(count: number): Promise<void> {
    const wanted = this.numbers.length + count;
    await until(`a subscriber has ${count} more readings`, () => this.numbers.length >= wanted);
  }

  close(): void {
    this.#fieldcast.close();
  }
}

/** Every reading of the log, by seq, read by a client of its own. */
export async function readLog(gateway: GatewayProcess, epoch: string): Promise<Map<number, number>> {
  const { head } = await readiness(gateway);
  const found = new Map<number, number>();
  const fieldcast = connect(gateway.url);
  let at = 0;
  fieldcast.subscribe("gps/#", { from: { cursor: `${epoch}:0` } }, ({ seq, values, snapshot }) => {
    // The snapshot behind a gap tells nothing of what comes after it.
    if (snapshot) return;
    found.set(seq, Number((values as Record<string, unknown>)["n"]));
    at = seq;
  });
  await until("the whole log was read", () => at >= head).finally(() => fieldcast.close());
  return found;
}
