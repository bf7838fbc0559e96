import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { QuarantineQuery, SavedProgress } from "../../src/log/contract.ts";
import {
  type EngineBatch,
  type EnginePage,
  type EngineRecord,
  type EngineState,
  type LogEngine,
  maxQuarantinePageBytes,
  type ObservedAsk,
  type ObservedBodies,
} from "../../src/log/engine.ts";
import type { RingOptions } from "../../src/log/options.ts";
import { readBodyHead } from "../../src/log/record.ts";
import type { Packet, QuarantinedPacket } from "../../src/model/packet.ts";

/** How the suite gets engines of one kind. */
export interface EngineKind {
  readonly name: string;
  /** Cases this engine cannot hold, by name, with the reason. */
  readonly declines: Readonly<Record<string, string>>;
  /** A place of its own for one test. */
  place(): Promise<EnginePlace>;
}

interface EnginePlace {
  /** An engine on this place's store; opened engines of one place follow each other, never side by side. */
  engine(ring: Partial<RingOptions>): LogEngine;
  remove(): Promise<void>;
}

const died = (problem: string): never => {
  throw new Error(problem);
};

function batchOf(part: Partial<EngineBatch>): EngineBatch {
  return {
    committedAt: 1_000,
    topics: [],
    shapes: [],
    records: [],
    forgottenTopics: [],
    latest: [],
    checkpoint: null,
    quarantine: [],
    released: [],
    remembered: [],
    progress: [],
    ...part,
  };
}

const firstTopic = { id: 1, name: "gps/van-7" };

/** Records of one topic with recognisable bodies of `bytes` bytes. */
function recordsOf(firstSeq: number, count: number, bytes = 40): EngineRecord[] {
  return Array.from({ length: count }, (_, i) =>
    recordOf(firstSeq + i, 5_000 - firstSeq - i, firstTopic, bytes),
  );
}

function recordOf(seq: number, time: number, topic = firstTopic, bytes = 40): EngineRecord {
  return { seq, time, topic, body: bodyOf(seq, time, topic.id, bytes) };
}

/** A body of exactly `bytes` bytes: four integers, and binary data that tells it from others. */
function bodyOf(seq: number, time = 5_000, topicId = 1, bytes = 40): Uint8Array {
  const body = Uint8Array.from({ length: bytes }, (_, i) => (seq * 31 + i) % 256);
  const view = new DataView(body.buffer);
  body.set([0x95, 0xce], 0);
  view.setUint32(2, seq);
  view.setUint8(6, 0xce);
  view.setUint32(7, topicId);
  body.set([0, 0xd3], 11);
  view.setBigInt64(13, BigInt(time));
  view.setUint8(21, 0xc5);
  view.setUint16(22, bytes - 24);
  return body;
}

function bodiesOf(page: EnginePage): number[][] {
  if (page.kind !== "bodies") throw new Error(`the page was ${page.kind}`);
  return page.bodies.map((body) => [...body]);
}

function expected(firstSeq: number, count: number, bytes = 40): number[][] {
  return recordsOf(firstSeq, count, bytes).map(({ body }) => [...body]);
}

function packet(name: string, bytes = 4): QuarantinedPacket {
  const payload = new Uint8Array(bytes).fill(7);
  return { topic: name, payload, receivedAt: 77, client: "c1", format: null, reason: "not JSON" };
}

/** A packet to remember. */
function birth(topic: string, text: string): Packet {
  return { topic, payload: new TextEncoder().encode(text), receivedAt: 78, client: "c2" };
}

/** What an engine said that it remembers when it was opened: topics and payloads. */
async function remembered(engine: LogEngine): Promise<string[]> {
  const state = await opened.get(engine);
  return (state?.remembered ?? []).map(
    ({ topic, payload }) => `${topic}=${new TextDecoder().decode(payload)}`,
  );
}

/** The seqs that match, over all pages. */
async function seqsObserved(engine: LogEngine, part: Partial<ObservedAsk>): Promise<number[]> {
  const seqs: number[] = [];
  const everything = { from: -1e15, to: 1e15, newestFirst: false, perTopic: 1e9, maxBytes: 1e6, after: null };
  const wanted = { topicIds: [1, 2, 3], ...everything, ...part };
  for (let ask: ObservedAsk | null = wanted; ask !== null; ) {
    const { bodies, next }: ObservedBodies = await engine.observed(ask);
    seqs.push(...bodies.map((body) => readBodyHead(body).seq));
    const topicIds = wanted.topicIds.filter((id) => id >= (next?.topicId ?? 0));
    ask = next && { ...wanted, topicIds, after: next };
  }
  return seqs;
}

async function progress(engine: LogEngine): Promise<SavedProgress[]> {
  const found = (await opened.get(engine))?.progress ?? [];
  return found
    .map((one) => ({ ...one, state: one.state && { ...one.state, bytes: Uint8Array.from(one.state.bytes) } }))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** As `Log.epochEnd`. */
function epochEnd(state: EngineState | undefined, epoch: string | undefined): number | undefined {
  if (state?.epoch === epoch) return state?.head;
  return state?.formerEpochs?.find((former) => former.epoch === epoch)?.lastSeq;
}

type Case = (start: (ring?: Partial<RingOptions>) => Promise<LogEngine>) => Promise<void>;

const cases: Readonly<Record<string, Case>> = {
  "a new store is empty and has an epoch": async (start) => {
    const state = await opened.get(await start());
    expect(state).toMatchObject({ head: 0, oldest: 1, topics: [], shapes: [], checkpoint: 0 });
    expect(state?.epoch).toMatch(/^[0-9a-z]{12}$/);
  },
  "what was committed can be read, from any position": async (start) => {
    const engine = await start();
    await engine.commit(batchOf({ records: recordsOf(1, 3) }));
    await engine.commit(batchOf({ records: recordsOf(4, 1) }));
    await engine.commit(batchOf({ records: recordsOf(5, 4) }));
    for (let after = 0; after <= 8; after++) {
      expect(bodiesOf(await engine.read(after, 1e6))).toEqual(expected(after + 1, 8 - after));
    }
  },
  "a batch is stored with everything in it": async (start) => {
    const engine = await start();
    const topics = [firstTopic, { id: 2, name: "gps/van-8" }];
    const shapes = [{ id: 1, names: ["lat"], decimals: [7] }];
    const kept = { quarantine: [packet("a")], remembered: [birth("b", "1")] };
    const progress = [{ name: "p", seq: 2, time: 5 }];
    const latest = [{ topicId: 1, lastSeq: 2, body: bodyOf(2) }];
    await engine.commit(
      batchOf({ topics, shapes, ...kept, progress, latest, records: recordsOf(1, 2), checkpoint: 2 }),
    );
    await engine.close();
    const again = await start();
    expect(await opened.get(again)).toMatchObject({
      head: 2,
      topics,
      shapes,
      lastTopicId: 2,
      checkpoint: 2,
      remembered: [{ topic: "b" }],
      progress: [{ name: "p", seq: 2, time: 5 }],
      latest: [{ topicId: 1 }],
    });
    expect(await again.quarantined(9, {})).toHaveLength(1);
    expect(bodiesOf(await again.read(0, 1e6))).toEqual(expected(1, 2));
  },
  "a page ends near maxBytes and has at least one body": async (start) => {
    const engine = await start();
    await engine.commit(batchOf({ records: recordsOf(1, 50, 100) }));
    expect(bodiesOf(await engine.read(7, 1))).toEqual(expected(8, 1, 100));
    const page = bodiesOf(await engine.read(7, 1_000));
    expect(page.length).toBeGreaterThan(7);
    expect(page.length).toBeLessThan(13);
    expect(page).toEqual(expected(8, page.length, 100));
  },
  "large commits are read back whole": async (start) => {
    const engine = await start();
    await engine.commit(batchOf({ records: recordsOf(1, 300, 5_000) }));
    const found: number[][] = [];
    while (found.length < 300) found.push(...bodiesOf(await engine.read(found.length, 200_000)));
    expect(found).toEqual(expected(1, 300, 5_000));
  },
  "the ring drops the oldest by bytes, and says evicted": async (start) => {
    const engine = await start({ maxBytes: 5_000 });
    let oldest = 1;
    for (let seq = 1; seq <= 200; seq++) {
      const batch = batchOf({ records: recordsOf(seq, 1, 100), checkpoint: seq });
      oldest = (await engine.commit(batch)).oldest;
    }
    expect(oldest).toBeGreaterThan(140);
    expect(oldest).toBeLessThan(190);
    expect(await engine.read(oldest - 2, 1e6)).toEqual({ kind: "evicted", oldest });
    expect(await engine.read(0, 1e6)).toEqual({ kind: "evicted", oldest });
    expect(bodiesOf(await engine.read(oldest - 1, 1e6))).toEqual(expected(oldest, 201 - oldest, 100));
  },
  "the ring drops the oldest by age, also in a commit of nothing": async (start) => {
    const engine = await start({ maxAgeMs: 1_000 });
    await engine.commit(batchOf({ committedAt: 0, records: recordsOf(1, 2), checkpoint: 2 }));
    await engine.commit(batchOf({ committedAt: 900, records: recordsOf(3, 1), checkpoint: 3 }));
    expect((await engine.commit(batchOf({ committedAt: 1_500 }))).oldest).toBe(3);
    expect((await engine.commit(batchOf({ committedAt: 1_901 }))).oldest).toBe(4);
    expect(await engine.read(2, 1_000)).toEqual({ kind: "evicted", oldest: 4 });
    expect(bodiesOf(await engine.read(3, 1_000))).toEqual([]);
    const { oldest } = await engine.commit(batchOf({ committedAt: 1_902, records: recordsOf(4, 1) }));
    expect(oldest).toBe(4);
  },
  "records after the checkpoint are kept, whatever the limits": async (start) => {
    const engine = await start({ maxBytes: 100, maxAgeMs: 10 });
    await engine.commit(batchOf({ committedAt: 0, records: recordsOf(1, 5, 100), checkpoint: 0 }));
    const later = await engine.commit(batchOf({ committedAt: 99, records: recordsOf(6, 1), checkpoint: 4 }));
    expect(later.oldest).toBeLessThanOrEqual(5);
    expect((await engine.commit(batchOf({ committedAt: 999, checkpoint: 6 }))).oldest).toBe(7);
  },
  "records are found topic by topic, by observation time, then seq": async (start) => {
    const engine = await start();
    const [a, b] = [firstTopic, { id: 2, name: "gps/van-8" }];
    const first = [recordOf(1, 500, a), recordOf(2, 600, b), recordOf(3, 700, a), recordOf(4, 700, a)];
    // What is late comes between what was there before.
    const late = [recordOf(5, 400, b), recordOf(6, 550, a), recordOf(7, -5, a), recordOf(8, 700, b)];
    await engine.commit(batchOf({ topics: [a, b], records: first }));
    await engine.commit(batchOf({ records: late }));
    expect(await seqsObserved(engine, {})).toEqual([7, 1, 6, 3, 4, 5, 2, 8]);
    expect(await seqsObserved(engine, { newestFirst: true })).toEqual([4, 3, 6, 1, 7, 8, 2, 5]);
    expect(await seqsObserved(engine, { from: 500, to: 600 })).toEqual([1, 6, 2]);
    expect(await seqsObserved(engine, { newestFirst: true, perTopic: 2 })).toEqual([4, 3, 8, 2]);
    expect(await seqsObserved(engine, { to: 650, newestFirst: true, perTopic: 1 })).toEqual([6, 2]);
    expect(await seqsObserved(engine, { topicIds: [2, 9] })).toEqual([5, 2, 8]);
    const after = { topicId: 1, time: 700, seq: 3, taken: 1 };
    expect(await seqsObserved(engine, { after, perTopic: 2 })).toEqual([4, 5, 2]);
  },
  "records found go on over pages of any size, while more are committed": async (start) => {
    const engine = await start();
    const records = Array.from({ length: 60 }, (_, i) =>
      recordOf(i + 1, (i * 37) % 50, { id: 1 + (i % 3), name: `gps/${i % 3}` }),
    );
    await engine.commit(batchOf({ records }));
    const whole = await seqsObserved(engine, {});
    expect(whole).toHaveLength(60);
    expect(await seqsObserved(engine, { maxBytes: 1 })).toEqual(whole);
    await engine.commit(batchOf({ records: [recordOf(61, 49, { id: 3, name: "gps/2" })] }));
    expect(await seqsObserved(engine, { maxBytes: 300 })).toEqual([...whole, 61]);
  },
  "the first record observed after a time is found, as far as the ring goes": async (start) => {
    const engine = await start({ maxAgeMs: 1_000 });
    expect(await engine.firstAfter(0)).toBe(1);
    const times = [500, 400, 700, 600];
    const records = times.map((time, i) => recordOf(i + 1, time));
    await engine.commit(batchOf({ committedAt: 700, records, checkpoint: 4 }));
    await engine.commit(batchOf({ committedAt: 900, records: [recordOf(5, 650), recordOf(6, 900)] }));
    const found = await Promise.all(
      [399, 400, 500, 699, 700, 899, 900].map((time) => engine.firstAfter(time)),
    );
    expect(found).toEqual([1, 1, 3, 3, 6, 6, 7]);
    await engine.commit(batchOf({ committedAt: 1_800, checkpoint: 6 }));
    expect(await engine.firstAfter(0)).toBe(5);
  },
  "quarantine is newest first, with ids that grow": async (start) => {
    const engine = await start();
    await engine.commit(batchOf({ quarantine: [packet("a"), packet("b")] }));
    await engine.commit(batchOf({ quarantine: [{ ...packet("c"), client: null, format: "shelly" }] }));
    const found = await engine.quarantined(2, {});
    expect(found.map(({ topic }) => topic)).toEqual(["c", "b"]);
    expect(found[0]).toMatchObject({ client: null, format: "shelly", receivedAt: 77, reason: "not JSON" });
    expect([...(found[0]?.payload ?? [])]).toEqual([7, 7, 7, 7]);
    expect(found[0]?.id).toBeGreaterThan(found[1]?.id as number);
  },
  "quarantine is a ring by count and by bytes": async (start) => {
    const engine = await start({ quarantineMaxPackets: 3, quarantineMaxBytes: 100 });
    for (const name of ["a", "b", "c", "d"]) await engine.commit(batchOf({ quarantine: [packet(name)] }));
    expect((await engine.quarantined(9, {})).map(({ topic }) => topic)).toEqual(["d", "c", "b"]);
    await engine.commit(batchOf({ quarantine: [packet("e", 95)] }));
    expect((await engine.quarantined(9, {})).map(({ topic }) => topic)).toEqual(["e", "d"]);
  },
  "quarantine can be asked by id, topic and format, in either order": async (start) => {
    const engine = await start();
    const packets = [packet("a/1"), { ...packet("a/2"), format: "shelly" }, packet("b/1"), packet("a/3")];
    await engine.commit(batchOf({ quarantine: packets }));
    const ask = async (query: QuarantineQuery, limit = 9) =>
      (await engine.quarantined(limit, query)).map(({ topic }) => topic);
    const [newest, , , oldest] = (await engine.quarantined(9, {})).map(({ id }) => id) as [
      number,
      number,
      number,
      number,
    ];
    expect(await ask({ before: newest })).toEqual(["b/1", "a/2", "a/1"]);
    expect(await ask({ after: oldest })).toEqual(["a/3", "b/1", "a/2"]);
    expect(await ask({ after: oldest, oldestFirst: true }, 2)).toEqual(["a/2", "b/1"]);
    expect(await ask({ filter: "a/#" }, 2)).toEqual(["a/3", "a/2"]);
    expect(await ask({ format: "shelly" })).toEqual(["a/2"]);
    expect(await ask({ format: null, filter: "b/+" })).toEqual(["b/1"]);
  },
  "a page of quarantined packets ends by size, with one at least": async (start) => {
    const engine = await start();
    const large = maxQuarantinePageBytes / 2 + 1;
    await engine.commit(
      batchOf({ quarantine: [packet("a", large), packet("b", large), packet("c", large)] }),
    );
    expect((await engine.quarantined(9, {})).map(({ topic }) => topic)).toEqual(["c", "b"]);
  },
  "a page of quarantined packets can be asked small, with the beginnings of payloads": async (start) => {
    const engine = await start();
    await engine.commit(batchOf({ quarantine: [packet("a", 3), packet("b", 40), packet("c", 0)] }));
    const ask = (query: QuarantineQuery) => engine.quarantined(9, query);
    expect(
      (await ask({ previewBytes: 8 })).map(({ payload, payloadBytes }) => [payload.length, payloadBytes]),
    ).toEqual([
      [0, 0],
      [8, 40],
      [3, 3],
    ]);
    const { topic, reason, client } = packet("c");
    const textBytes = topic.length + reason.length + (client ?? "").length;
    expect((await ask({ maxPageBytes: textBytes })).map(({ id }) => id)).toEqual([3]);
    expect((await ask({ maxPageBytes: textBytes + 1 })).map(({ id }) => id)).toEqual([3, 2]);
  },
  "a released packet leaves the quarantine and its room": async (start) => {
    const engine = await start({ quarantineMaxPackets: 3, quarantineMaxBytes: 100 });
    await engine.commit(batchOf({ quarantine: [packet("a", 40), packet("b", 40)] }));
    const id = (await engine.quarantined(1, { oldestFirst: true }))[0]?.id as number;
    await engine.commit(batchOf({ records: recordsOf(1, 1), released: [id, 4_711] }));
    expect((await engine.quarantined(9, {})).map(({ topic }) => topic)).toEqual(["b"]);
    await engine.commit(batchOf({ quarantine: [packet("c", 40)] }));
    expect((await engine.quarantined(9, {})).map(({ topic }) => topic)).toEqual(["c", "b"]);
  },
  "after close everything is refused": async (start) => {
    const engine = await start();
    await engine.close();
    await expect(engine.commit(batchOf({ records: recordsOf(1, 1) }))).rejects.toThrow(/closed/);
    await expect(engine.read(0, 10)).rejects.toThrow(/closed/);
  },
  "everything is there after it is opened again": async (start) => {
    // Less than both commits, more than the second: whole commits are dropped at a time.
    const ring = { maxBytes: 3_500, quarantineMaxPackets: 2 };
    const first = await start(ring);
    const topics = [
      { id: 1, name: "gps/van-7" },
      { id: 2, name: "gps/van-8" },
      { id: 3, name: "gps/ünï" },
    ];
    const shapes = [{ id: 1, names: ["lat", 'a"\u0000b'], decimals: [7, 0] }];
    const latest = [1, 2, 3].map((id) => ({ topicId: id, lastSeq: id, body: bodyOf(id) }));
    const records = recordsOf(1, 3);
    await first.commit(batchOf({ topics, shapes, records, latest, checkpoint: 3 }));
    await first.commit(batchOf({ forgottenTopics: [3], records: recordsOf(4, 30, 100), checkpoint: 33 }));
    const { oldest } = await first.commit(batchOf({ quarantine: [packet("a"), packet("b"), packet("c")] }));
    await first.close();
    const second = await start(ring);
    const state = await opened.get(second);
    expect(state).toMatchObject({ head: 33, oldest, lastTopicId: 3, checkpoint: 33, shapes });
    expect(epochEnd(state, (await opened.get(first))?.epoch)).toBe(state?.head);
    expect(state?.topics).toEqual(topics.slice(0, 2));
    expect(state?.latest.map(({ body, ...row }) => ({ ...row, body: [...body] }))).toEqual(
      latest.slice(0, 2).map(({ body, ...row }) => ({ ...row, body: [...body] })),
    );
    await second.commit(batchOf({ records: recordsOf(34, 1, 100) }));
    expect(bodiesOf(await second.read(32, 1e6))).toEqual(expected(33, 2, 100));
    await second.commit(batchOf({ quarantine: [packet("d")] }));
    expect((await second.quarantined(9, {})).map(({ topic }) => topic)).toEqual(["d", "c"]);
  },
  "the newest packet of each topic is remembered, in the order of arrival": async (start) => {
    const first = await start();
    await first.commit(batchOf({ remembered: [birth("a", "1"), birth("b", "1"), birth("c", "1")] }));
    await first.commit(batchOf({ remembered: [birth("a", "2"), birth("d", "1"), birth("d", "2")] }));
    await first.commit(batchOf({ remembered: [birth("c", ""), birth("never", "")] }));
    await first.close();
    const second = await start();
    expect(await remembered(second)).toEqual(["b=1", "a=2", "d=2"]);
    expect((await opened.get(second))?.remembered[0]).toMatchObject({ receivedAt: 78, client: "c2" });
    await second.commit(batchOf({ remembered: [{ ...birth("b", "3"), client: null }] }));
    await second.close();
    expect(await remembered(await start())).toEqual(["a=2", "d=2", "b=3"]);
  },
  "what was remembered longest ago is forgotten first, by count and by bytes": async (start) => {
    const ring = { maxRememberedPackets: 3, maxRememberedBytes: 10 };
    const first = await start(ring);
    for (const topic of ["a", "b", "c", "d"]) {
      await first.commit(batchOf({ remembered: [birth(topic, "1")] }));
    }
    await first.commit(batchOf({ remembered: [birth("b", "12")] }));
    await first.close();
    const second = await start(ring);
    expect(await remembered(second)).toEqual(["c=1", "d=1", "b=12"]);
    await second.commit(batchOf({ remembered: [birth("e", "12345678")] }));
    await second.commit(batchOf({ remembered: [birth("f", "12345678901")] }));
    await second.close();
    expect(await remembered(await start(ring))).toEqual([]);
  },
  "each body tells when it was committed, within a commit, across commits, from the middle": async (
    start,
  ) => {
    const first = await start();
    await first.commit(batchOf({ committedAt: 1_000, records: recordsOf(1, 2) }));
    await first.commit(batchOf({ committedAt: 1_700, records: recordsOf(3, 3) }));
    await first.close();
    const second = await start();
    await second.commit(batchOf({ committedAt: 1_800, records: recordsOf(6, 1) }));
    const times = async (after: number, maxBytes: number) => {
      const page = await second.read(after, maxBytes);
      return page.kind === "bodies" ? page.committedAt : page;
    };
    expect(await times(0, 1e6)).toEqual([1_000, 1_000, 1_700, 1_700, 1_700, 1_800]);
    expect(await times(3, 1)).toEqual([1_700]);
    expect(await times(6, 1)).toEqual([]);
  },
  "a topic keeps where its channel begins": async (start) => {
    const topics = [
      { id: 1, name: "energy/m/L1", channelAt: 8 },
      { id: 2, name: "gps/a/b" },
    ];
    const first = await start();
    await first.commit(batchOf({ topics }));
    await first.close();
    expect((await opened.get(await start()))?.topics).toEqual(topics);
  },
  "progress is kept by name; one without a state leaves the one before": async (start) => {
    const first = await start();
    const none = { name: "none", seq: 1, time: 10 };
    await first.commit(
      batchOf({ progress: [none, { name: "a", seq: 2, time: 20, state: Uint8Array.of(7) }] }),
    );
    await first.commit(batchOf({ progress: [{ name: "a", seq: 3, time: 30 }] }));
    await first.close();
    const second = await start();
    const state = { seq: 2, time: 20, bytes: Uint8Array.of(7) };
    expect(await progress(second)).toEqual([
      { name: "a", seq: 3, time: 30, state },
      { ...none, state: null },
    ]);
    await second.commit(batchOf({ progress: [{ name: "a", seq: 4, time: 40, state: Uint8Array.of(8, 9) }] }));
    await second.close();
    const [a] = await progress(await start());
    expect(a).toEqual({
      name: "a",
      seq: 4,
      time: 40,
      state: { seq: 4, time: 40, bytes: Uint8Array.of(8, 9) },
    });
  },
  "head does not go back when the ring was empty at the restart": async (start) => {
    const first = await start({ maxAgeMs: 10 });
    await first.commit(batchOf({ committedAt: 0, records: recordsOf(1, 7), checkpoint: 7 }));
    await first.commit(batchOf({ committedAt: 100 }));
    await first.close();
    expect(await opened.get(await start())).toMatchObject({ head: 7, oldest: 8 });
  },
};

/** What each engine said when the suite opened it. */
const opened = new WeakMap<LogEngine, Promise<Awaited<ReturnType<LogEngine["open"]>>>>();

/** Runs the contract of `LogEngine` on one kind of engine. */
export function testEngine(kind: EngineKind): void {
  describe(`engine contract: ${kind.name}`, () => {
    let place: EnginePlace;
    let engines: LogEngine[];
    beforeEach(async () => {
      place = await kind.place();
      engines = [];
    });
    afterEach(async () => {
      for (const engine of engines) await engine.close();
      await place.remove();
    });
    const start = async (ring: Partial<RingOptions> = {}) => {
      const engine = place.engine(ring);
      engines.push(engine);
      const state = engine.open(died);
      opened.set(engine, state);
      await state;
      return engine;
    };
    it("declines only cases that exist", () => {
      expect(Object.keys(cases)).toEqual(expect.arrayContaining(Object.keys(kind.declines)));
    });
    for (const [name, run] of Object.entries(cases)) {
      if (!Object.hasOwn(kind.declines, name)) it(name, () => run(start));
    }
  });
}
