import { connect, type IClientOptions, type MqttClient } from "mqtt";
import { type CommandTakers, readCommand } from "./commands.ts";
import type { Message } from "./device.ts";

/** MQTT quality of service levels. */
export type Qos = 0 | 1 | 2;

/** What has become of the messages; shared by all links of a publisher. */
export interface Counters {
  /** Handed to the network at least once. */
  sent: number;
  /** Acknowledged by the gateway; with QoS 0, written to the socket. */
  acknowledged: number;
  /** Given up: the client refused to send it, or the acknowledgement can no longer come. */
  failed: number;
  /** Dropped, oldest first, because the buffer of an offline device was full. */
  dropped: number;
  reconnects: number;
}

export interface LinkSettings {
  readonly url: string;
  readonly clientId: string;
  readonly qos: Qos;
  readonly username?: string;
  readonly password?: string;
  /** Messages kept while the gateway is away; beyond it the oldest go, as in a tracker's flash memory. */
  readonly maxBufferedMessages: number;
  readonly reconnectMs: number;
  readonly counters: Counters;
  /** The devices of this link that take commands, by the topic these come to. */
  readonly takers?: ReadonlyMap<string, string>;
  readonly commands?: CommandTakers;
  onProblem(error: Error): void;
}

/** Messages on the wire without acknowledgement, per connection; the rest waits in the buffer. */
export const maxInFlightMessages = 32;
const connectTimeoutMs = 10_000;
/** Brokers bound what one SUBSCRIBE may hold. */
const maxFiltersPerSubscribe = 100;

/** One MQTT connection with the memory of a device: it keeps what it cannot send and uploads it later, in order. */
export class Link {
  readonly #settings: LinkSettings;
  readonly #client: MqttClient;
  readonly #buffer: Message[] = [];
  #inFlight = 0;
  #hasConnected = false;
  #isClosed = false;

  constructor(settings: LinkSettings) {
    this.#settings = settings;
    this.#client = connect(settings.url, clientOptions(settings));
    this.#client.on("connect", () => {
      if (this.#hasConnected) settings.counters.reconnects += 1;
      this.#hasConnected = true;
      this.#listen();
      this.#drain();
    });
    this.#client.on("message", (topic, payload) => this.#obey(topic, payload));
    this.#client.on("error", (error) => settings.onProblem(error));
  }

  get isConnected(): boolean {
    return this.#client.connected;
  }

  get bufferedMessages(): number {
    return this.#buffer.length;
  }

  /** Messages that are neither acknowledged nor given up. */
  get openMessages(): number {
    return this.#buffer.length + this.#inFlight;
  }

  publish(message: Message): void {
    this.#buffer.push(message);
    if (this.#buffer.length > this.#settings.maxBufferedMessages) {
      this.#buffer.shift();
      this.#settings.counters.dropped += 1;
    }
    this.#drain();
  }

  /** Disconnects; what is still open is counted as failed. */
  async close(): Promise<void> {
    this.#settings.counters.failed += this.#buffer.length;
    this.#buffer.length = 0;
    // A forced end does not wait for acknowledgements; without a connection there is nobody to say goodbye to.
    await this.#client.endAsync(!this.isConnected || this.#inFlight > 0);
    this.#settings.counters.failed += this.#inFlight;
    this.#inFlight = 0;
    this.#isClosed = true;
  }

  #listen(): void {
    const topics = [...(this.#settings.takers?.keys() ?? [])];
    for (let at = 0; at < topics.length; at += maxFiltersPerSubscribe) {
      // A refusal leaves the devices without commands; their messages go on.
      this.#client.subscribe(topics.slice(at, at + maxFiltersPerSubscribe), { qos: 1 }, () => {});
    }
  }

  #obey(topic: string, payload: Uint8Array): void {
    const { takers, commands } = this.#settings;
    const device = takers?.get(topic);
    const command = readCommand(payload);
    if (device === undefined || command === null) return;
    const answer = commands?.carryOut(device, command);
    if (!answer) return;
    this.#client.publish(
      command.answerTo,
      JSON.stringify({ id: command.id, ...answer }),
      { qos: 1 },
      () => {},
    );
  }

  #drain(): void {
    while (this.isConnected && this.#inFlight < maxInFlightMessages) {
      const message = this.#buffer.shift();
      if (!message) return;
      this.#send(message);
    }
  }

  #send(message: Message): void {
    const { counters, qos } = this.#settings;
    this.#inFlight += 1;
    counters.sent += 1;
    this.#client.publish(message.topic, message.payload, { qos }, (error) => {
      if (this.#isClosed) return;
      this.#inFlight -= 1;
      if (error) counters.failed += 1;
      else counters.acknowledged += 1;
      this.#drain();
    });
  }
}

function clientOptions(settings: LinkSettings): IClientOptions {
  return {
    clientId: settings.clientId,
    protocolVersion: 4,
    clean: true,
    // At each connection the link subscribes itself, in parts.
    resubscribe: false,
    reconnectPeriod: settings.reconnectMs,
    // A refused login is worth another try: someone may be adding the user just now.
    reconnectOnConnackError: true,
    connectTimeout: connectTimeoutMs,
    queueQoSZero: false,
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password }),
  };
}
