import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { encode } from "@msgpack/msgpack";
import { type WebSocket, WebSocketServer } from "ws";
import { formatCursor, parseCursor } from "../../src/model/cursor.ts";
import type { StreamErrorCode } from "../../src/model/errors.ts";
import { matchesFilter } from "../../src/model/filter.ts";
import type { Values } from "../../src/model/reading.ts";
import { decimalsOf, freeShape, type Shape, writeBody } from "../../src/wire/body.ts";
import { encodeControl, frameKinds, readingJson } from "../../src/wire/frames.ts";
import type {
  CommandMessage,
  ServerMessage,
  SubscribeMessage,
  WireReading,
} from "../../src/wire/messages.ts";
import {
  type PublishRequest,
  parseRequest,
  type Request,
  type SubscribeRequest,
} from "../../src/wire/requests.ts";
import { MsgpackWriter } from "../../src/wire/writer.ts";

/** A socket of the gateway, with what it was asked and what it has announced. */
export class Peer {
  readonly requests: Request[] = [];
  readonly filters = new Map<number, string>();
  /** While true nothing is answered or sent. */
  isMute = false;
  private readonly socket: WebSocket;
  private readonly topicIds = new Map<string, number>();
  private readonly shapes = new Map<string, Shape>();

  constructor(socket: WebSocket) {
    this.socket = socket;
  }

  get isBinary(): boolean {
    return this.socket.protocol === "fieldcast.v1.msgpack";
  }

  get publishes(): PublishRequest[] {
    return this.requests.filter((request) => request.type === "publish");
  }

  get commands(): CommandMessage[] {
    return this.requests.filter((request) => request.type === "command");
  }

  get subscribes(): SubscribeMessage[] {
    return this.requests.filter((request) => request.type === "subscribe");
  }

  send(message: ServerMessage): void {
    if (this.isMute) return;
    for (const frame of this.frames(message)) this.socket.send(frame);
  }

  sendRaw(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  /** As a tunnel does it: no close frame. */
  drop(): void {
    this.socket.terminate();
  }

  private frames(message: ServerMessage): (string | Uint8Array)[] {
    if (message.type === "readings") {
      if (!this.isBinary) return [jsonWith(message, "readings", message.readings)];
      const { id, cursor, readings } = message;
      const header = encode([frameKinds.readings, id, parseCursor(cursor)?.seq]);
      return [...this.announcements(readings), this.withBodies(header, readings)];
    }
    if (message.type === "subscribed" && message.snapshot) {
      const { snapshot } = message;
      if (!this.isBinary) return [jsonWith(message, "snapshot", snapshot)];
      const header = encode({ ...message, snapshot: snapshot.length });
      return [...this.announcements(snapshot), this.withBodies(header, snapshot)];
    }
    if (message.type === "heartbeat" && this.isBinary) {
      const seq = message.cursor === undefined ? [] : [parseCursor(message.cursor)?.seq];
      return [encode([frameKinds.heartbeat, ...seq])];
    }
    return [encodeControl(message, this.isBinary)];
  }

  private announcements(readings: readonly WireReading[]): Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const { topic, values } of readings) {
      if (!this.topicIds.has(topic)) {
        const id = this.topicIds.size + 1;
        this.topicIds.set(topic, id);
        frames.push(joined([encode([frameKinds.topics]), encode([id, topic])]));
      }
      const names = Object.keys(values);
      const key = names.join();
      if (!this.shapes.has(key)) {
        const shape = { id: this.shapes.size + 1, names, decimals: names.map(decimalsOf) };
        this.shapes.set(key, shape);
        frames.push(joined([encode([frameKinds.shapes]), encode([shape.id, shape.names, shape.decimals])]));
      }
    }
    return frames;
  }

  private withBodies(header: Uint8Array, readings: readonly WireReading[]): Uint8Array {
    const writer = new MsgpackWriter();
    writer.raw(header);
    for (const { seq, topic, time, values, times, attrs } of readings) {
      const shape = times ? freeShape : (this.shapes.get(Object.keys(values).join()) as Shape);
      const ages = times && Object.keys(values).map((name) => time - (times[name] ?? time));
      writeBody(writer, seq, this.topicIds.get(topic) as number, shape, time, values, ages, attrs);
    }
    return writer.take();
  }
}

/**
 * A real WebSocket server that speaks the protocol over an array, and does as badly as a test asks: it forgets, falls
 * silent, repeats itself and hangs up.
 */
export class Gateway {
  readonly peers: Peer[] = [];
  epoch = "e1";
  heartbeatMs = 10_000;
  /** Seq of the oldest reading that is left. */
  oldest = 1;
  /** Each frame of readings is sent this many times. */
  copies = 1;
  /** Answers subscribes with this error instead, as long as it is set. */
  refusal: StreamErrorCode | null = null;
  /** Answers publishes with this error instead, as long as it is set. */
  publishRefusal: StreamErrorCode | null = null;
  /** Answers commands with this error instead, as long as it is set. */
  commandRefusal: StreamErrorCode | null = null;
  /** While true requests get no answer. */
  isDeaf = false;
  /** While true new connections get no welcome. */
  isHolding = false;
  private readings: WireReading[] = [];
  private server: WebSocketServer;
  private port = 0;

  private constructor(server: WebSocketServer) {
    this.server = server;
    this.listen();
  }

  static async start(): Promise<Gateway> {
    const gateway = new Gateway(new WebSocketServer({ host: "127.0.0.1", port: 0 }));
    await once(gateway.server, "listening");
    gateway.port = (gateway.server.address() as AddressInfo).port;
    return gateway;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/stream`;
  }

  get committed(): readonly WireReading[] {
    return this.readings;
  }

  /** Seq of the newest reading. */
  get head(): number {
    return this.readings.at(-1)?.seq ?? 0;
  }

  /** The newest connection. */
  get peer(): Peer {
    const peer = this.peers.at(-1);
    if (!peer) throw new Error("no client has connected");
    return peer;
  }

  cursor(seq = this.head): string {
    return formatCursor({ epoch: this.epoch, seq });
  }

  /** Commits a reading and pushes it. */
  commit(topic: string, values: Values, time = 1_000): WireReading {
    const reading = { seq: this.head + 1, topic, time, values };
    this.readings.push(reading);
    for (const peer of this.peers) {
      for (const [id, filter] of peer.filters)
        if (matchesFilter(filter, topic)) this.push(peer, id, [reading]);
    }
    return reading;
  }

  /** Commits `count` readings of one topic, pushed in one frame to each subscription. */
  commitMany(topic: string, count: number): void {
    const batch = Array.from({ length: count }, (_, index) => {
      const seq = this.head + 1 + index;
      return { seq, topic, time: 1_000, values: { n: seq } };
    });
    this.readings.push(...batch);
    for (const peer of this.peers) {
      for (const [id, filter] of peer.filters) if (matchesFilter(filter, topic)) this.push(peer, id, batch);
    }
  }

  push(peer: Peer, id: number, readings: readonly WireReading[]): void {
    const cursor = this.cursor(readings.at(-1)?.seq);
    for (let copy = 0; copy < this.copies; copy++) peer.send({ type: "readings", id, cursor, readings });
  }

  /** The log is lost: a new life of it begins, empty. */
  loseLog(epoch: string): void {
    this.epoch = epoch;
    this.readings = [];
    this.oldest = 1;
  }

  async stop(): Promise<void> {
    for (const client of this.server.clients) client.terminate();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Listens on the same port again. */
  async restart(): Promise<void> {
    this.server = new WebSocketServer({ host: "127.0.0.1", port: this.port });
    this.listen();
    await once(this.server, "listening");
  }

  private listen(): void {
    this.server.on("connection", (socket) => {
      const peer = new Peer(socket);
      this.peers.push(peer);
      socket.on("message", (data, isBinary) => {
        const request = parseRequest(isBinary ? new Uint8Array(data as Buffer) : String(data));
        if ("refused" in request) throw new Error(request.message);
        peer.requests.push(request);
        if (!this.isDeaf) this.answer(peer, request);
      });
      socket.on("close", () => peer.filters.clear());
      if (!this.isHolding) peer.send({ type: "welcome", epoch: this.epoch, heartbeatMs: this.heartbeatMs });
    });
  }

  private answer(peer: Peer, request: Request): void {
    if (request.type === "publish") {
      const { id } = request;
      if (this.publishRefusal === null) peer.send({ type: "ack", id });
      else peer.send({ type: "error", id, code: this.publishRefusal, message: "lat: 95 is outside -90..90" });
    }
    if (request.type === "command") {
      const { id, command, params } = request;
      if (this.commandRefusal === null) peer.send({ type: "answer", id, result: { command, params } });
      else peer.send({ type: "error", id, code: this.commandRefusal, message: "battery too low" });
    }
    if (request.type === "unsubscribe") {
      peer.filters.delete(request.id);
      peer.send({ type: "ack", id: request.id });
    }
    if (request.type !== "subscribe" || peer.isMute) return;
    const { id, filter } = request;
    if (this.refusal)
      return peer.send({ type: "error", id, code: this.refusal, message: "refused by the test" });
    this.begin(peer, request);
    peer.filters.set(id, filter);
  }

  private begin(peer: Peer, { id, filter, from, speed, paused }: SubscribeRequest): void {
    const head = this.cursor();
    if (from === "now") return peer.send({ type: "subscribed", id, cursor: head });
    if (from === "latest") {
      return peer.send({ type: "subscribed", id, cursor: head, snapshot: this.snapshot(filter) });
    }
    if ("time" in from) {
      const after = this.readings.filter(
        ({ time, topic }) => time > from.time && matchesFilter(filter, topic),
      );
      const cursor = this.cursor((after[0]?.seq ?? this.head + 1) - 1);
      const snapshot = this.snapshot(filter, from.time);
      peer.send({ type: "subscribed", id, time: from.time, cursor, snapshot });
      // At a speed, the tests say what is due when.
      if (!speed && !paused && after.length > 0) this.push(peer, id, after);
      return;
    }
    if ("last" in from) {
      const last = this.readings.filter(({ topic }) => matchesFilter(filter, topic)).slice(-from.last);
      peer.send({ type: "subscribed", id, cursor: this.cursor((last[0]?.seq ?? this.head + 1) - 1) });
      return last.length > 0 ? this.push(peer, id, last) : undefined;
    }
    const position = parseCursor(from.cursor);
    if (!position) throw new Error(`the client invented a cursor: ${from.cursor}`);
    if (position.epoch !== this.epoch || position.seq > this.head || position.seq + 1 < this.oldest) {
      const reason = position.epoch !== this.epoch ? "epoch" : position.seq > this.head ? "ahead" : "evicted";
      const isKnown = reason === "evicted";
      const range = { from: isKnown ? position.seq + 1 : null, to: isKnown ? this.oldest - 1 : null };
      peer.send({ type: "gap", id, reason, ...range, oldest: this.oldest });
      return peer.send({ type: "subscribed", id, cursor: head, snapshot: this.snapshot(filter) });
    }
    peer.send({ type: "subscribed", id, cursor: from.cursor });
    const missed = this.readings.filter(
      ({ seq, topic }) => seq > position.seq && matchesFilter(filter, topic),
    );
    if (missed.length > 0) this.push(peer, id, missed);
  }

  private snapshot(filter: string, until = Number.POSITIVE_INFINITY): WireReading[] {
    const latest = new Map<string, WireReading>();
    for (const reading of this.readings)
      if (matchesFilter(filter, reading.topic) && reading.time <= until) latest.set(reading.topic, reading);
    return [...latest.values()];
  }
}

function jsonWith(message: ServerMessage, key: string, readings: readonly WireReading[]): string {
  const rest = String(encodeControl({ ...message, [key]: undefined }, false));
  return `${rest.slice(0, -1)},${JSON.stringify(key)}:[${readings.map(readingJson).join()}]}`;
}

function joined(parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
