import { once } from "node:events";
import { encode } from "@msgpack/msgpack";
import { WebSocket } from "ws";
import { Dictionary, decodeBinaryFrame, decodeJsonFrame } from "../../src/wire/frames.ts";
import type { ServerMessage, Subprotocol, WireReading } from "../../src/wire/messages.ts";

type OfType<T extends ServerMessage["type"]> = Extract<ServerMessage, { type: T }>;

/** A bare client of the stream: what it was sent, message by message, and nothing clever. */
export class StreamClient {
  readonly messages: ServerMessage[] = [];
  /** Code of the close, null while open. */
  closeCode: number | null = null;
  readonly socket: WebSocket;
  private readonly dictionary = new Dictionary();
  private readonly wake = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer, isBinary) => {
      const message = isBinary ? decodeBinaryFrame(data, this.dictionary) : decodeJsonFrame(data.toString());
      if (message) this.messages.push(message);
      for (const check of this.wake) check();
    });
    socket.on("close", (code) => {
      this.closeCode = code;
      for (const check of this.wake) check();
    });
    socket.on("error", () => {});
  }

  /** Connects and waits until the socket is open. @throws Error when the server refuses */
  static async open(
    port: number,
    subprotocol: Subprotocol | null = "fieldcast.v1.msgpack",
  ): Promise<StreamClient> {
    const url = `ws://127.0.0.1:${port}/stream`;
    const socket = subprotocol === null ? new WebSocket(url) : new WebSocket(url, subprotocol);
    const client = new StreamClient(socket);
    await once(socket, "open");
    return client;
  }

  send(message: object): void {
    this.socket.send(
      this.socket.protocol === "fieldcast.v1.json" ? JSON.stringify(message) : encode(message),
    );
  }

  sendRaw(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  /** Waits until `condition` holds; it is looked at after every frame. */
  async until<T>(condition: () => T | undefined | false, what: string, timeoutMs = 15_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.wake.delete(check);
        const tail = JSON.stringify(this.messages.slice(-3)).slice(0, 600);
        reject(new Error(`waited in vain for ${what}; close code ${this.closeCode}; last messages ${tail}`));
      }, timeoutMs);
      const check = () => {
        const found = condition();
        if (found === undefined || found === false) return;
        clearTimeout(timer);
        this.wake.delete(check);
        resolve(found);
      };
      this.wake.add(check);
      check();
    });
  }

  /** Waits for the `nth` message of a type (for an id, if given). */
  next<T extends ServerMessage["type"]>(type: T, id?: number, nth = 0): Promise<OfType<T>> {
    const matches = (message: ServerMessage): message is OfType<T> =>
      message.type === type && (id === undefined || ("id" in message && message.id === id));
    return this.until(() => this.messages.filter(matches)[nth], `${type} ${id ?? ""} #${nth}`);
  }

  /** All readings of a subscription, in the order they came. */
  readings(id: number): WireReading[] {
    return this.messages.flatMap((message) =>
      message.type === "readings" && message.id === id ? message.readings : [],
    );
  }

  /** The newest cursor that was given for a subscription. */
  cursor(id: number): string {
    const cursors = this.messages.flatMap((message) =>
      (message.type === "readings" || message.type === "subscribed") && message.id === id
        ? message.cursor
        : [],
    );
    return cursors.at(-1) as string;
  }

  untilReadings(id: number, count: number): Promise<WireReading[]> {
    return this.until(
      () => {
        const readings = this.readings(id);
        return readings.length >= count && readings;
      },
      `${count} readings for ${id}, have ${this.readings(id).length}`,
    );
  }

  untilClosed(): Promise<number> {
    return this.until(() => this.closeCode ?? undefined, "the close");
  }

  close(): void {
    this.socket.terminate();
  }
}
