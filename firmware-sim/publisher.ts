import type { CommandTakers } from "./commands.ts";
import type { Message } from "./device.ts";
import { type Counters, Link, type LinkSettings, type Qos } from "./link.ts";

export interface PublisherSettings {
  readonly url: string;
  readonly qos: Qos;
  readonly username?: string;
  readonly password?: string;
  /** The ids of the devices that will publish. */
  readonly devices: readonly string[];
  /** True: an MQTT connection per device, up to `maxConnections`; false: one for all. */
  readonly isClientPerDevice: boolean;
  /** Begins every MQTT client id, so that two simulators do not throw each other out. */
  readonly clientIdPrefix: string;
  /** Kept per device while the gateway is away. */
  readonly maxBufferedPerDevice?: number;
  readonly reconnectMs?: number;
  /** Lets the devices take commands. */
  readonly commands?: CommandTakers;
  /** Called with a sentence for people when a problem is new, not each time it is met. */
  onProblem?(sentence: string): void;
}

export interface PublisherStatus extends Readonly<Counters> {
  readonly connections: number;
  readonly connected: number;
  /** Waiting for the gateway to come back. */
  readonly buffered: number;
}

/** Beyond this many devices, several share a connection. */
export const maxConnections = 200;
const defaultBufferedPerDevice = 600;
const defaultReconnectMs = 1500;
/** Reconnects are spread over this much of the interval, so that a restarted gateway is not stormed. */
const reconnectSpread = 0.5;
const pollMs = 25;

/** The devices' way to the gateway. */
export class Publisher {
  readonly #links: Link[];
  readonly #linkOf = new Map<string, Link>();
  readonly #counters: Counters = { sent: 0, acknowledged: 0, failed: 0, dropped: 0, reconnects: 0 };
  #lastProblem = "";

  /** Connects at once and keeps trying; nothing is thrown when the gateway is away. */
  constructor(settings: PublisherSettings) {
    const count = settings.isClientPerDevice ? Math.min(maxConnections, settings.devices.length) : 1;
    this.#links = Array.from({ length: count }, (_, i) => this.#createLink(settings, i, count));
    for (const [i, device] of settings.devices.entries()) {
      this.#linkOf.set(device, this.#links[i % count] as Link);
    }
  }

  get status(): PublisherStatus {
    const connected = this.#links.filter((link) => link.isConnected).length;
    if (connected === this.#links.length) this.#lastProblem = "";
    return {
      ...this.#counters,
      connections: this.#links.length,
      connected,
      buffered: this.#links.reduce((sum, link) => sum + link.bufferedMessages, 0),
    };
  }

  /**
   * Sends the message, or keeps it until the gateway is back.
   * @throws Error if the device was not named in the settings
   */
  publish(message: Message): void {
    const link = this.#linkOf.get(message.device);
    if (!link) throw new Error(`no connection for the device ${message.device}`);
    link.publish(message);
  }

  /** Waits up to `timeoutMs` for what is open, then disconnects. */
  async close(timeoutMs: number): Promise<void> {
    const isOpen = (): boolean => this.#links.some((link) => link.isConnected && link.openMessages > 0);
    for (let waitedMs = 0; isOpen() && waitedMs < timeoutMs; waitedMs += pollMs) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    await Promise.all(this.#links.map((link) => link.close()));
  }

  #createLink(settings: PublisherSettings, index: number, count: number): Link {
    const perDevice = settings.maxBufferedPerDevice ?? defaultBufferedPerDevice;
    const sharedBy = Math.ceil(settings.devices.length / count);
    const name = sharedBy === 1 ? (settings.devices[index] ?? "fleet") : `fleet-${index + 1}`;
    const reconnectMs = settings.reconnectMs ?? defaultReconnectMs;
    const devices = settings.devices.filter((_, i) => i % count === index);
    return new Link({
      url: settings.url,
      qos: settings.qos,
      clientId: `${settings.clientIdPrefix}-${name}`,
      maxBufferedMessages: perDevice * sharedBy,
      reconnectMs: Math.round(reconnectMs * (1 + (reconnectSpread * index) / count)),
      counters: this.#counters,
      onProblem: (error) => this.#report(settings, error),
      ...(settings.commands && takingCommands(settings.commands, devices)),
      ...(settings.username === undefined ? {} : { username: settings.username }),
      ...(settings.password === undefined ? {} : { password: settings.password }),
    });
  }

  #report(settings: PublisherSettings, error: Error): void {
    const sentence = explainProblem(error, settings.url);
    if (sentence === this.#lastProblem) return;
    this.#lastProblem = sentence;
    settings.onProblem?.(sentence);
  }
}

function takingCommands(
  commands: CommandTakers,
  devices: readonly string[],
): Pick<LinkSettings, "takers" | "commands"> {
  return {
    commands,
    takers: new Map(devices.map((device) => [`command/${commands.topicOf(device)}`, device])),
  };
}

/** What went wrong and what to check, for the person at the terminal. */
export function explainProblem(error: Error & { code?: unknown }, url: string): string {
  const { hostname, port } = new URL(url);
  switch (error.code) {
    case "ECONNREFUSED":
      return `Nothing listens at ${url}. Is the gateway running, and is ${port || "the port"} its MQTT port? From another machine, does it listen on more than loopback (FIELDCAST_HOST)?`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The host name ${hostname} is not known. Check the spelling and the DNS, or use the address.`;
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `${hostname} cannot be reached. Check the network, the address and firewalls on the way to port ${port}.`;
    case "ECONNRESET":
    case "EPIPE":
      return `The connection to ${url} was cut. If it happens at once: is it the MQTT port, and does it want TLS (mqtts://)?`;
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
      return `The gateway's certificate is not trusted here. Name the file of its authority in NODE_EXTRA_CA_CERTS.`;
    // CONNACK return codes, MQTT 3.1.1, 3.2.2.3.
    case 4:
    case 5:
      return "The gateway refused the login. Check --username and --password.";
    case 2:
      return "The gateway does not accept the client id.";
    case 3:
      return "The gateway is there but not available. Its log and /readyz say why.";
    default:
      return `MQTT: ${error.message || String(error.code ?? error.name)} (${url})`;
  }
}
