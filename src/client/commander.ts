import {
  type CommandMessage,
  maxParamsBytes,
  maxParamsLevels,
  type ServerMessage,
} from "../wire/messages.ts";
import { FieldcastError } from "./errors.ts";
import type { PublisherWire } from "./publisher.ts";

export interface CommandOptions {
  /**
   * How long the device may take to answer, and before that the connection to come up. Milliseconds up to 60,000; by
   * default what the gateway says (5,000), and 5,000 for the connection.
   */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 5_000;
/** Most commands that wait for an answer or for the connection; the gateway may take fewer. */
const maxWaiting = 1_000;
/** Members of a list or a map in a request (PROTOCOL.md). */
const maxMembers = 64;

interface Waiting {
  readonly message: Omit<CommandMessage, "id">;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: FieldcastError) => void;
  timer: unknown;
}

/** Commands under way. Unlike a publish none is ever sent again: the device would do it twice. */
export class Commander {
  private readonly wire: Omit<PublisherWire, "subprotocol">;
  private readonly queue = new Set<Waiting>();
  private readonly sent = new Map<number, Waiting>();

  constructor(wire: Omit<PublisherWire, "subprotocol">) {
    this.wire = wire;
  }

  /** Rejects with FieldcastError `bad-command`, `too-many-commands`, `lost`, `command-lost`, or what the gateway answers. */
  send(
    topic: string,
    command: string,
    params: object | undefined,
    { timeoutMs }: CommandOptions,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const plain = params && plainParams(params);
      if (plain instanceof FieldcastError) return reject(plain);
      if (this.queue.size + this.sent.size >= maxWaiting) {
        return reject(new FieldcastError("too-many-commands", `${maxWaiting} commands wait already`));
      }
      const message = { type: "command", topic, command, ...(plain && { params: plain }) } as const;
      const waiting: Waiting = {
        message: timeoutMs === undefined ? message : { ...message, timeoutMs },
        resolve,
        reject,
        timer: this.wire.timers.set(() => this.expire(waiting), timeoutMs ?? defaultTimeoutMs),
      };
      this.queue.add(waiting);
      this.sendAll();
    });
  }

  /** True if this id belongs to a command under way. */
  has(id: number): boolean {
    return this.sent.has(id);
  }

  /** The answer to a command; false if it is not one. */
  receive(message: Extract<ServerMessage, { type: "answer" | "error" }>): boolean {
    const waiting = message.id === null ? undefined : this.sent.get(message.id);
    if (!waiting) return false;
    this.sent.delete(message.id as number);
    if (message.type === "answer") waiting.resolve(message.result);
    else waiting.reject(new FieldcastError(message.code, message.message));
    return true;
  }

  /** Sends what waited for the connection. The gateway says when it has too many, and answers each in time. */
  sendAll(): void {
    if (!this.wire.isOnline()) return;
    for (const waiting of this.queue) {
      this.wire.timers.clear(waiting.timer);
      const id = this.wire.freshId();
      this.sent.set(id, waiting);
      this.wire.send({ ...waiting.message, id });
    }
    this.queue.clear();
  }

  /** The connection is gone, and with it what the devices answer. */
  offline(): void {
    for (const { message, reject } of this.sent.values()) {
      const problem = `the connection broke before ${message.topic} answered to ${message.command}`;
      reject(new FieldcastError("command-lost", problem));
    }
    this.sent.clear();
  }

  /** Gives up everything that waits. */
  close(error: FieldcastError): void {
    this.offline();
    for (const { timer, reject } of this.queue) {
      this.wire.timers.clear(timer);
      reject(error);
    }
    this.queue.clear();
  }

  private expire(waiting: Waiting): void {
    this.queue.delete(waiting);
    const { topic, command } = waiting.message;
    waiting.reject(
      new FieldcastError("lost", `no connection to the gateway; ${command} was not sent to ${topic}`),
    );
  }
}

/** As the device will read them: what JSON cannot say is gone before MessagePack would say it in its own way. */
function plainParams(params: object): object | FieldcastError {
  try {
    const text = JSON.stringify(params);
    const bytes = new TextEncoder().encode(text).length;
    // The gateway would close the connection over a message that is too large.
    if (bytes > maxParamsBytes)
      return refused(`params are ${bytes} bytes, the gateway takes ${maxParamsBytes}`);
    const plain = JSON.parse(text) as object;
    return isTooLarge(plain, maxParamsLevels)
      ? refused(`params have more than ${maxMembers} members at a level or ${maxParamsLevels} levels`)
      : plain;
  } catch (thrown) {
    return refused(`params are not JSON: ${String(thrown)}`);
  }
}

function refused(problem: string): FieldcastError {
  return new FieldcastError("bad-command", problem);
}

function isTooLarge(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  const members = Object.values(value);
  return levels === 0 || members.length > maxMembers || members.some((one) => isTooLarge(one, levels - 1));
}
