import type { Log, Topic } from "../log/contract.ts";
import type { Command, CommandOutcome } from "../model/command.ts";
import { closeCodes, type StreamErrorCode } from "../model/errors.ts";
import type { Shape } from "../wire/body.ts";
import { encodeControl } from "../wire/frames.ts";
import type { CommandMessage, ServerMessage } from "../wire/messages.ts";
import { type PublishRequest, parseRequest, type Refusal, type Request, refuse } from "../wire/requests.ts";
import { encodeHeartbeat, encodeShapes, encodeTopics } from "./encode.ts";
import type { Group } from "./group.ts";
import type { Hub } from "./hub.ts";
import { NumberSet } from "./number-set.ts";
import { Subscription } from "./subscription.ts";
import type { Socket, SocketHandler } from "./transport.ts";

/** After this many refused messages a connection is closed: whoever is there does not speak the protocol. */
const maxRefusals = 100;

/** A connection that sends this many requests while it reads nothing is dropped: their answers need a bound. */
const maxRequestsWhileFull = 1_000;

/** Who was silent for this part of what is allowed is asked for a sign of life. */
const askAfterShare = 1 / 4;

/** Where a session turns to. */
export interface SessionEvents {
  onEnd(session: Session): void;
  /** Resolves after the commit, to the reason if the packet was rejected. */
  publish(topic: string, payload: Uint8Array): Promise<string | null>;
  /** Resolves to what came of it; never rejects. */
  command(command: Command): Promise<CommandOutcome>;
}

/** One connection: its subscriptions, and what it has been told. */
export class Session implements SocketHandler {
  readonly binary: boolean;
  readonly socket: Socket;
  private readonly hub: Hub;
  private readonly log: Log;
  private readonly subscriptions = new Map<number, Subscription>();
  private readonly topics = new NumberSet();
  private readonly shapes = new NumberSet();
  private readonly events: SessionEvents;
  /** Ids of publishes that wait for their commit. */
  private readonly publishing = new Set<number>();
  /** Ids of commands that wait for their answer. */
  private readonly commanding = new Set<number>();
  private refusals = 0;
  private requestsWhileFull = 0;
  /** The client gave a sign of life in this period of the heart. */
  private heard = true;
  /** Periods since then: a clock that is set is no silence. */
  private silentBeats = 0;
  /** Of every two looks, the first. */
  private isHalfWay = false;
  /** A heartbeat was sent at the last look. */
  private hasBeaten = false;
  /** The only subscription's group at the last look, null if it was not at the head or not the only one. */
  private seenGroup: Group | null = null;
  /** What that had sent. */
  private seenFrames = 0;

  constructor(socket: Socket, hub: Hub, events: SessionEvents) {
    this.socket = socket;
    this.hub = hub;
    this.log = hub.log;
    this.binary = socket.subprotocol === "fieldcast.v1.msgpack";
    this.events = events;
    this.control({ type: "welcome", epoch: this.log.epoch, heartbeatMs: hub.options.heartbeatMs });
  }

  onMessage(data: Uint8Array | string): void {
    this.heard = true;
    this.requestsWhileFull = this.isFull() ? this.requestsWhileFull + 1 : 0;
    if (this.requestsWhileFull > maxRequestsWhileFull) {
      // Asking on and on without reading the answers is not slowness.
      this.socket.terminate();
      return;
    }
    const request = parseRequest(data);
    if ("refused" in request) this.answerRefusal(request);
    else this.handle(request);
  }

  onPong(): void {
    this.heard = true;
  }

  onDrain(): void {
    if (this.isFull()) return;
    for (const subscription of this.subscriptions.values()) {
      if (!subscription.live) this.hub.advanceSoon(subscription);
    }
  }

  onClose(): void {
    for (const subscription of this.subscriptions.values()) subscription.close();
    this.subscriptions.clear();
    this.events.onEnd(this);
  }

  /** True while the connection has as much unsent as it may; then nothing but small answers is sent to it. */
  isFull(): boolean {
    return this.socket.bufferedBytes() > this.hub.options.maxBufferBytes;
  }

  send(frame: Uint8Array | string): void {
    this.socket.send(frame);
  }

  control(message: ServerMessage): void {
    this.socket.send(encodeControl(message, this.binary));
  }

  /** Ends a subscription with an error answer. */
  refuse({ id }: Subscription, code: StreamErrorCode, problem: string): void {
    this.end(id);
    this.answerRefusal(refuse(id, code, problem));
  }

  /** Tells the client the numbers in these bodies that it does not know. JSON clients need none. */
  announce(items: readonly { readonly topic: Topic; readonly shapeId?: number }[]): void {
    if (!this.binary) return;
    const topics: Topic[] = [];
    const shapes: Shape[] = [];
    for (const { topic, shapeId = 0 } of items) {
      if (!this.topics.has(topic.id)) {
        this.topics.add(topic.id);
        topics.push(topic);
      }
      const shape = shapeId === 0 || this.shapes.has(shapeId) ? undefined : this.log.shape(shapeId);
      if (shape) {
        this.shapes.add(shapeId);
        shapes.push(shape);
      }
    }
    this.sendAnnouncements(topics, shapes);
  }

  /** Tells the client everything that these sets hold and it does not know. */
  announceAll(topics: NumberSet, shapes: NumberSet): void {
    const newTopics = topics.missingIn(this.topics).flatMap((id) => this.log.topic(id) ?? []);
    const newShapes = shapes.missingIn(this.shapes).flatMap((id) => this.log.shape(id) ?? []);
    for (const { id } of newTopics) this.topics.add(id);
    for (const { id } of newShapes) this.shapes.add(id);
    this.sendAnnouncements(newTopics, newShapes);
  }

  /** To be called twice in each period of the heart: beats it, asks for a sign of life, and drops a connection that gave none for too long. */
  lookAfter(): void {
    const isBeatDue = this.isBeatDue() && !this.hasUnsent();
    this.isHalfWay = !this.isHalfWay;
    const isAsked = !this.isHalfWay && this.isToBeAsked();
    if (!isBeatDue && !isAsked) return;
    const say = () => {
      if (isBeatDue) this.send(encodeHeartbeat(this.log, this.commonPosition(), this.binary));
      if (isAsked) this.socket.ping();
    };
    if (isBeatDue && isAsked && this.socket.together) this.socket.together(say);
    else say();
  }

  close(code: number, reason: string): void {
    this.socket.close(code, reason);
  }

  /**
   * Whether nothing but a heartbeat will do. What is pushed to the only subscription is as good, for its cursor too; if that or a heartbeat
   * came since the last look, the next one is early enough.
   */
  private isBeatDue(): boolean {
    const group = this.subscriptions.size === 1 ? this.onlyGroup() : null;
    const isNews = group !== null && group === this.seenGroup && group.frames !== this.seenFrames;
    this.seenGroup = group;
    this.seenFrames = group?.frames ?? 0;
    this.hasBeaten = !isNews && !this.hasBeaten;
    return this.hasBeaten;
  }

  private hasUnsent(): boolean {
    return this.socket.bufferedBytes() > 0;
  }

  private onlyGroup(): Group | null {
    for (const { group } of this.subscriptions.values()) return group;
    return null;
  }

  /** Whether it is time to ask for a sign of life. One that gave none for too long is dropped. */
  private isToBeAsked(): boolean {
    const { heartbeatMs, silentMs } = this.hub.options;
    // Unsent bytes mean a slow reader, which is never a reason to drop it; the kernel notices a dead one.
    const isWaiting = this.hasUnsent();
    this.silentBeats = isWaiting || this.heard ? 0 : this.silentBeats + 1;
    this.heard = false;
    if (this.silentBeats * heartbeatMs > silentMs) {
      // If the process stood still, what the client sent meanwhile has not been read yet.
      setImmediate(() => this.heard || this.socket.terminate());
      return false;
    }
    // Ahead of the beat at which a quarter of what is allowed is over: that leaves time enough for an answer.
    return isWaiting || (this.silentBeats + 1) * heartbeatMs >= askAfterShare * silentMs;
  }

  /** Everything up to here has been sent for all subscriptions; null if some are behind the head. */
  private commonPosition(): number | null {
    let position = this.hub.position;
    for (const subscription of this.subscriptions.values()) {
      if (!subscription.live) return null;
      position = Math.min(position, this.hub.positionOf(subscription));
    }
    return position;
  }

  private sendAnnouncements(topics: readonly Topic[], shapes: readonly Shape[]): void {
    if (topics.length > 0) this.socket.send(encodeTopics(topics));
    if (shapes.length > 0) this.socket.send(encodeShapes(shapes));
  }

  private handle(request: Request): void {
    this.refusals = 0;
    switch (request.type) {
      case "hello":
        return;
      case "subscribe":
        return this.subscribe(request);
      case "publish":
        return this.publish(request);
      case "command":
        return this.command(request);
      case "update": {
        const subscription = this.subscriptions.get(request.id);
        if (subscription) return subscription.update(request);
        return this.answerRefusal(refuse(request.id, "unknown-id", `there is no subscription ${request.id}`));
      }
      case "unsubscribe":
        if (this.end(request.id)) this.control({ type: "ack", id: request.id });
        else this.answerRefusal(refuse(request.id, "unknown-id", `there is no subscription ${request.id}`));
    }
  }

  private subscribe(request: Extract<Request, { type: "subscribe" }>): void {
    const { id } = request;
    const { maxSubscriptions } = this.hub.options;
    if (this.isInUse(id)) {
      this.answerRefusal(refuse(id, "bad-id", `id ${id} is in use on this connection`));
    } else if (this.subscriptions.size >= maxSubscriptions) {
      const problem = `this connection has ${maxSubscriptions} subscriptions, the most allowed`;
      this.answerRefusal(refuse(id, "too-many-subscriptions", problem));
    } else {
      this.subscriptions.set(id, new Subscription(this, this.hub, request));
    }
  }

  private isInUse(id: number): boolean {
    return this.subscriptions.has(id) || this.publishing.has(id) || this.commanding.has(id);
  }

  private publish({ id, topic, payload }: PublishRequest): void {
    const { maxInflightPublishes } = this.hub.options;
    if (this.isInUse(id)) {
      this.answerRefusal(refuse(id, "bad-id", `id ${id} is in use on this connection`));
      return;
    }
    if (this.publishing.size >= maxInflightPublishes) {
      const problem = `${maxInflightPublishes} publishes of this connection wait for their commit`;
      this.answer(refuse(id, "too-many-publishes", problem));
      return;
    }
    this.publishing.add(id);
    this.events.publish(topic, payload).then(
      (reason) => {
        this.publishing.delete(id);
        if (reason === null) this.control({ type: "ack", id });
        else this.answer(refuse(id, "rejected", reason));
      },
      (error: unknown) => {
        this.publishing.delete(id);
        const problem = error instanceof Error ? error.message : String(error);
        this.answer(refuse(id, "log-unavailable", `not stored: ${problem}`));
      },
    );
  }

  private command(request: CommandMessage): void {
    const { id } = request;
    const { maxInflightCommands } = this.hub.options;
    if (this.isInUse(id)) {
      this.answerRefusal(refuse(id, "bad-id", `id ${id} is in use on this connection`));
      return;
    }
    if (this.commanding.size >= maxInflightCommands) {
      const problem = `${maxInflightCommands} commands of this connection wait for their answers`;
      this.answer(refuse(id, "too-many-commands", problem));
      return;
    }
    this.commanding.add(id);
    void this.events.command(request).then((outcome) => {
      this.commanding.delete(id);
      if ("result" in outcome) this.control({ type: "answer", id, result: outcome.result });
      else this.answer(refuse(id, outcome.code, outcome.problem));
    });
  }

  private end(id: number): boolean {
    this.subscriptions.get(id)?.close();
    return this.subscriptions.delete(id);
  }

  private answer({ id, code, message }: Refusal): void {
    this.control({ type: "error", id, code, message });
  }

  private answerRefusal(refusal: Refusal): void {
    this.refusals++;
    if (this.refusals > maxRefusals) {
      this.close(closeCodes.protocolViolation, "too many messages that could not be carried out");
      return;
    }
    this.answer(refusal);
  }
}
