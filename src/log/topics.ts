import { channelStart, maxTopicBytes } from "../model/topic.ts";
import type { Shape } from "../wire/body.ts";
import { TooManyTopics, type Topic, UnstorableReading } from "./contract.ts";
import type { LatestState } from "./latest.ts";

/** What the log remembers about a topic. */
export interface TopicEntry {
  readonly topic: Topic;
  /** Seq of its newest reading, appended or committed; never too small. */
  lastSeq: number;
  latest: LatestState | null;
  /** The shape of its last reading: the next one most likely has it too. */
  shape: Shape | null;
  forgotten: boolean;
}

/** When it must make room, it forgets up to this share of the topics at once, so that the search for them pays. */
const forgetShare = 0.01;

/** The topics' dictionary: name to id and back, bounded. */
export class TopicTable {
  readonly #maxTopics: number;
  readonly #byName = new Map<string, TopicEntry>();
  readonly #byId = new Map<number, TopicEntry>();
  #lastId: number;
  /** New and not yet committed, in the order of their ids. */
  #unstored: Topic[] = [];
  /** Forgotten, and the engine does not know yet. */
  #forgotten: number[] = [];
  #searchedOldest = 0;

  constructor(maxTopics: number, stored: readonly Topic[], lastId: number) {
    this.#maxTopics = maxTopics;
    this.#lastId = lastId;
    for (const topic of stored) this.#add(topic);
  }

  byName(name: string): TopicEntry | undefined {
    return this.#byName.get(name);
  }

  byId(id: number): TopicEntry | undefined {
    return this.#byId.get(id);
  }

  /** The highest id there is or was. */
  get lastId(): number {
    return this.#lastId;
  }

  entries(): Iterable<TopicEntry> {
    return this.#byName.values();
  }

  /**
   * The entry for `name`, made if it is new; it will not be forgotten while the ring may have `seq`.
   * @param oldest oldest seq in the ring
   * @param channel the channel that `name` ends with, if it has one; a topic keeps the one it was made with
   * @throws TooManyTopics if it is new and there is no room
   * @throws UnstorableReading if the name is too long
   */
  resolve(name: string, seq: number, oldest: number, channel?: string): TopicEntry {
    const entry = this.#byName.get(name) ?? this.#create(name, oldest, channel);
    if (entry.lastSeq < seq) entry.lastSeq = seq;
    return entry;
  }

  /** What the next commit must tell the engine. Give it back with `untake` if the commit fails. */
  take(): { topics: Topic[]; forgottenTopics: number[] } {
    const taken = { topics: this.#unstored, forgottenTopics: this.#forgotten };
    this.#unstored = [];
    this.#forgotten = [];
    return taken;
  }

  untake(taken: { topics: readonly Topic[]; forgottenTopics: readonly number[] }): void {
    this.#unstored = [...taken.topics, ...this.#unstored];
    this.#forgotten = [...taken.forgottenTopics, ...this.#forgotten];
  }

  /** The engine has lost all but `stored` of what it was told. */
  storedAre(stored: readonly Topic[]): void {
    const known = new Set(stored.map(({ id }) => id));
    this.#unstored = [...this.#byId.values()].map(({ topic }) => topic).filter(({ id }) => !known.has(id));
  }

  #create(name: string, oldest: number, channel?: string): TopicEntry {
    const bytes = Buffer.from(name);
    if (bytes.length > maxTopicBytes) {
      throw new UnstorableReading(
        `the topic of device "${name.slice(0, 60)}…" has ${bytes.length} bytes; MQTT allows ${maxTopicBytes}`,
      );
    }
    // A lone surrogate has no UTF-8; two such names would become one in the store, so they are one from the start.
    const storable = bytes.toString();
    const known = storable === name ? undefined : this.#byName.get(storable);
    if (known) return known;
    if (this.#byName.size >= this.#maxTopics) this.#makeRoom(oldest);
    const id = ++this.#lastId;
    const topic =
      channel === undefined
        ? { id, name: storable }
        : { id, name: storable, channelAt: channelStart(name, channel) };
    this.#unstored.push(topic);
    return this.#add(topic);
  }

  #add(topic: Topic): TopicEntry {
    const entry = { topic, lastSeq: 0, latest: null, shape: null, forgotten: false };
    this.#byName.set(topic.name, entry);
    this.#byId.set(topic.id, entry);
    return entry;
  }

  #makeRoom(oldest: number): void {
    // Nothing can have become free since the last search that found nothing, unless the ring has moved on.
    const evicted = oldest === this.#searchedOldest ? [] : this.#evicted(oldest);
    if (evicted.length === 0) {
      this.#searchedOldest = oldest;
      throw new TooManyTopics(
        `the log already knows ${this.#maxTopics} topics; raise maxTopics, or find out who invents new device ids`,
      );
    }
    const share = Math.max(1, Math.ceil(this.#maxTopics * forgetShare));
    for (const entry of evicted.slice(0, this.#byName.size - this.#maxTopics + share)) this.#forget(entry);
  }

  /** Entries the ring has nothing of, longest silent first. */
  #evicted(oldest: number): TopicEntry[] {
    return [...this.#byId.values()]
      .filter((entry) => entry.lastSeq < oldest)
      .sort((a, b) => a.lastSeq - b.lastSeq);
  }

  #forget(entry: TopicEntry): void {
    entry.forgotten = true;
    if (this.#byName.get(entry.topic.name) === entry) this.#byName.delete(entry.topic.name);
    this.#byId.delete(entry.topic.id);
    this.#forgotten.push(entry.topic.id);
  }
}
