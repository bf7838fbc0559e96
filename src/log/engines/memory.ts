import { setImmediate as nextTurn } from "node:timers/promises";
import type { Packet, QuarantinedPacket } from "../../model/packet.ts";
import type { Shape } from "../../wire/body.ts";
import type { Progress, QuarantineQuery, SavedProgress, StoredPacket, Topic } from "../contract.ts";
import type {
  EngineBatch,
  EnginePage,
  EngineState,
  LatestRow,
  LogEngine,
  ObservedAsk,
  ObservedBodies,
} from "../engine.ts";
import { isAsked, sortObserved, takeObserved } from "../observed.ts";
import type { RingOptions } from "../options.ts";
import { takePage } from "../quarantine.ts";

/** Records looked at between two turns of the event loop. */
const maxScanned = 10_000;

interface KeptBody {
  readonly seq: number;
  readonly topicId: number;
  readonly time: number;
  readonly body: Uint8Array;
  readonly committedAt: number;
}

/** A log without a disk: the same promises within this process, and nothing left after it. */
export class MemoryEngine implements LogEngine {
  readonly #options: RingOptions;
  readonly #epoch: string;
  readonly #topics = new Map<number, Topic>();
  readonly #shapes = new Map<number, Shape>();
  readonly #latest = new Map<number, LatestRow>();
  /** The ring; slots before `#start` have been dropped. */
  #ring: (KeptBody | undefined)[] = [];
  #start = 0;
  #ringBytes = 0;
  #head = 0;
  #lastTopicId = 0;
  #checkpoint = 0;
  #quarantine: StoredPacket[] = [];
  #quarantineBytes = 0;
  #lastPacketId = 0;
  /** By topic, what was remembered longest ago first. */
  readonly #remembered = new Map<string, Packet>();
  #rememberedBytes = 0;
  readonly #progress = new Map<string, SavedProgress>();
  #isClosed = false;

  /** @param newEpoch makes the epoch, `[0-9a-z]{1,32}` */
  constructor(options: RingOptions, newEpoch: () => string) {
    this.#options = options;
    this.#epoch = newEpoch();
  }

  async open(): Promise<EngineState> {
    this.#isClosed = false;
    return {
      epoch: this.#epoch,
      head: this.#head,
      oldest: this.#oldest,
      topics: [...this.#topics.values()],
      lastTopicId: this.#lastTopicId,
      shapes: [...this.#shapes.values()],
      latest: [...this.#latest.values()],
      checkpoint: this.#checkpoint,
      remembered: [...this.#remembered.values()],
      progress: [...this.#progress.values()],
    };
  }

  async commit(batch: EngineBatch): Promise<{ oldest: number }> {
    this.#checkOpen();
    for (const topic of batch.topics) {
      this.#topics.set(topic.id, topic);
      this.#lastTopicId = Math.max(this.#lastTopicId, topic.id);
    }
    for (const shape of batch.shapes) this.#shapes.set(shape.id, shape);
    for (const row of batch.latest) this.#latest.set(row.topicId, row);
    for (const id of batch.forgottenTopics) {
      this.#topics.delete(id);
      this.#latest.delete(id);
    }
    for (const { seq, time, topic, body, committedAt = batch.committedAt } of batch.records) {
      this.#ring.push({ seq, topicId: topic.id, time, body, committedAt });
      this.#ringBytes += body.length;
      this.#head = seq;
    }
    this.#checkpoint = batch.checkpoint ?? this.#checkpoint;
    this.#trim(batch.committedAt);
    this.#keepPackets(batch.quarantine);
    if (batch.released.length > 0) this.#release(new Set(batch.released));
    for (const packet of batch.remembered) this.#remember(packet);
    for (const progress of batch.progress) this.#saveProgress(progress);
    return { oldest: this.#oldest };
  }

  async read(after: number, maxBytes: number): Promise<EnginePage> {
    this.#checkOpen();
    if (after + 1 < this.#oldest) return { kind: "evicted", oldest: this.#oldest };
    const bodies: Uint8Array[] = [];
    const committedAt: number[] = [];
    let bytes = 0;
    for (let i = this.#indexAfter(after); i < this.#ring.length && bytes < maxBytes; i++) {
      const kept = this.#ring[i] as KeptBody;
      if (kept.seq !== after + 1 + bodies.length) {
        if (bodies.length === 0) return { kind: "evicted", oldest: kept.seq };
        break;
      }
      bodies.push(kept.body);
      committedAt.push(kept.committedAt);
      bytes += kept.body.length;
    }
    return { kind: "bodies", bodies, committedAt };
  }

  async observed(ask: ObservedAsk): Promise<ObservedBodies> {
    const byTopic = new Map<number, KeptBody[]>(ask.topicIds.map((id) => [id, []]));
    for await (const record of this.#records()) {
      const found = byTopic.get(record.topicId);
      const after = ask.after?.topicId === record.topicId ? ask.after : null;
      if (found && isAsked(ask, after, record)) found.push(record);
    }
    const { found, next } = takeObserved(ask, (id) => sortObserved(ask, byTopic.get(id) ?? []));
    return { bodies: found.map(({ body }) => body), next };
  }

  async firstAfter(time: number): Promise<number> {
    for await (const record of this.#records()) if (record.time > time) return record.seq;
    return this.#head + 1;
  }

  async quarantined(limit: number, query: QuarantineQuery): Promise<StoredPacket[]> {
    this.#checkOpen();
    const heads = this.#quarantine.map((packet) => ({
      ...packet,
      textChars: packet.reason.length + (packet.client ?? "").length,
    }));
    const page = takePage(query.oldestFirst ? heads : heads.reverse(), limit, query);
    return page.map(({ textChars: _, payload, ...packet }) => ({
      ...packet,
      payload: payload.subarray(0, query.previewBytes),
    }));
  }

  async backup(): Promise<void> {
    throw new Error("the log is kept in memory only (ring.engine): there is no file to back up");
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** The ring's records as far as they are there now, in order; in slices, since this runs on the main thread. */
  async *#records(): AsyncGenerator<KeptBody> {
    this.#checkOpen();
    const slice = this.#ring.slice(this.#start);
    for (let i = 0; i < slice.length; i++) {
      if (i % maxScanned === maxScanned - 1) await nextTurn();
      yield slice[i] as KeptBody;
    }
  }

  get #oldest(): number {
    return this.#ring[this.#start]?.seq ?? this.#head + 1;
  }

  /** Where the first record behind a position stands: seqs ascend, and there may be holes. */
  #indexAfter(position: number): number {
    let low = this.#start;
    let high = this.#ring.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ring[middle] as KeptBody).seq <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error("the log is closed");
  }

  #trim(now: number): void {
    const { maxBytes, maxAgeMs } = this.#options;
    while (this.#start < this.#ring.length && this.#oldest <= this.#checkpoint) {
      const { body, committedAt } = this.#ring[this.#start] as KeptBody;
      if (this.#ringBytes <= maxBytes && now - committedAt <= maxAgeMs) break;
      this.#ringBytes -= body.length;
      this.#ring[this.#start++] = undefined;
    }
    if (this.#start * 2 <= this.#ring.length) return;
    this.#ring = this.#ring.slice(this.#start);
    this.#start = 0;
  }

  #remember(packet: Packet): void {
    this.#forget(packet.topic);
    if (packet.payload.length === 0) return;
    this.#remembered.set(packet.topic, packet);
    this.#rememberedBytes += packet.payload.length;
    const { maxRememberedPackets, maxRememberedBytes } = this.#options;
    for (const topic of this.#remembered.keys()) {
      if (this.#remembered.size <= maxRememberedPackets && this.#rememberedBytes <= maxRememberedBytes) break;
      this.#forget(topic);
    }
  }

  #saveProgress({ name, seq, time, state }: Progress): void {
    const kept = this.#progress.get(name)?.state ?? null;
    this.#progress.set(name, { name, seq, time, state: state ? { seq, time, bytes: state } : kept });
  }

  #forget(topic: string): void {
    this.#rememberedBytes -= this.#remembered.get(topic)?.payload.length ?? 0;
    this.#remembered.delete(topic);
  }

  #release(ids: ReadonlySet<number>): void {
    this.#quarantine = this.#quarantine.filter(({ id }) => !ids.has(id));
    this.#quarantineBytes = this.#quarantine.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  #keepPackets(packets: readonly QuarantinedPacket[]): void {
    for (const packet of packets) {
      this.#quarantine.push({ ...packet, id: ++this.#lastPacketId, payloadBytes: packet.payload.length });
      this.#quarantineBytes += packet.payload.length;
    }
    const { quarantineMaxPackets, quarantineMaxBytes } = this.#options;
    let drop = 0;
    while (
      this.#quarantine.length - drop > quarantineMaxPackets ||
      this.#quarantineBytes > quarantineMaxBytes
    ) {
      this.#quarantineBytes -= (this.#quarantine[drop++] as StoredPacket).payload.length;
    }
    if (drop > 0) this.#quarantine = this.#quarantine.slice(drop);
  }
}
