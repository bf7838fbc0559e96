import { connect } from "node:net";
import { matchesFilter } from "../../../src/model/filter.ts";
import { type LoggedReading, readWholeLog } from "./log-reader.ts";
import { deviceTopic } from "./payload.ts";
import { addToChecksum, type Interest, Subscriber } from "./subscriber.ts";

/** A herd of dashboards that follow different things and come back by themselves, all at once. */
export interface HerdJob {
  readonly port: number;
  /** `echo`: members only want back what they send. */
  readonly kind?: "fieldcast" | "echo";
  readonly members: number;
  readonly devices: number;
  /** The lines that the devices belong to, as in `deviceTopic`. */
  readonly lines: number;
}

/** How the herd stands. */
export interface HerdState {
  /** Members whose subscription is answered on their present connection. */
  readonly subscribed: number;
  /** Of those, members whose cursor has reached the asked seq. */
  readonly reached: number;
  /** Connections that failed or ended since the start, by reason. */
  readonly losses: Readonly<Record<string, number>>;
  /** Milliseconds from the moment the port took connections again to the latest answer, and to the latest readings. */
  readonly subscribedMs: number;
  readonly readMs: number;
}

/** What the herd got, held against the log. */
export interface HerdVerdict {
  readonly readingsInLog: number;
  readonly deliveries: number;
  /** Members that lack something or have too much; of these the first ones in words. */
  readonly wrong: number;
  readonly examples: readonly string[];
  /** Members that saw what must not happen, in words. */
  readonly faults: readonly string[];
}

/** The topic of a device's readings: that of MQTT without its first level. */
export function herdTopic(device: number, lines: number): string {
  return deviceTopic(device, lines).slice("telemetry/".length);
}

/** How often a herd without a gateway looks for it. */
const probeMs = 25;

/** Connections opened at a time in the beginning, which is not the storm. */
const openTogether = 100;

export class Herd {
  readonly #job: HerdJob;
  readonly #members: Subscriber[];
  readonly #losses = new Map<string, number>();
  readonly #waiting = new Set<Subscriber>();
  #probing = false;
  #isHeld = false;
  #openedAt = 0;
  #judge = new Judge([]);
  #onSubscribed: (() => void) | null = null;

  constructor(job: HerdJob) {
    this.#job = job;
    const events = {
      onSubscribed: () => this.#onSubscribed?.(),
      onLost: (member: Subscriber, reason: string) => this.#lost(member, reason),
    };
    this.#members = Array.from(
      { length: job.members },
      (_, index) => new Subscriber(job.kind === "echo" ? null : interestOf(index, job), events),
    );
  }

  /** Opens all members; resolves when each is subscribed. */
  async open(): Promise<void> {
    for (let first = 0; first < this.#members.length; first += openTogether) {
      const members = this.#members.slice(first, first + openTogether);
      await new Promise<void>((resolve) => {
        this.#onSubscribed = () => {
          if (members.every(({ isSubscribed }) => isSubscribed)) resolve();
        };
        for (const member of members) member.connect(this.#job.port);
      });
    }
    this.#onSubscribed = null;
  }

  /** @param seq what `reached` is counted by */
  state(seq: number): HerdState {
    const subscribed = this.#members.filter(({ isSubscribed }) => isSubscribed);
    const since = (times: readonly number[]) => times.reduce((a, b) => Math.max(a, b), 0) - this.#openedAt;
    return {
      subscribed: subscribed.length,
      reached: subscribed.filter(({ position }) => position >= seq).length,
      losses: Object.fromEntries(this.#losses),
      subscribedMs: since(this.#members.map(({ subscribedAt }) => subscribedAt)),
      readMs: since(this.#members.map(({ readAt }) => readAt)),
    };
  }

  /** Compares what every member got with the log as it is now. Nothing may be published meanwhile. */
  async verdict(): Promise<HerdVerdict> {
    const readingsInLog = await this.readLog();
    const problems = this.#problems();
    return {
      readingsInLog,
      deliveries: this.#members.reduce((sum, { count }) => sum + count, 0),
      wrong: problems.length,
      examples: problems.slice(0, 5),
      faults: this.#members.flatMap(({ faults }) => faults).slice(0, 5),
    };
  }

  /** Reads the log, for `incomplete` to go by; resolves to the number of its readings. */
  async readLog(): Promise<number> {
    const log = await readWholeLog(this.#job.port);
    this.#judge = new Judge(log);
    return log.length;
  }

  /** Members that do not have exactly what was in the log when it was read. */
  incomplete(): number {
    return this.#problems().length;
  }

  /** From now on nobody comes back. */
  hold(): void {
    this.#isHeld = true;
  }

  /** All come back, at once. */
  release(): void {
    this.#isHeld = false;
    this.#look();
  }

  #problems(): string[] {
    return this.#members.flatMap((member) => this.#judge.problem(member) ?? []);
  }

  #lost(member: Subscriber, reason: string): void {
    this.#losses.set(reason, (this.#losses.get(reason) ?? 0) + 1);
    this.#waiting.add(member);
    this.#look();
  }

  #look(): void {
    if (this.#probing || this.#isHeld || this.#waiting.size === 0) return;
    this.#probing = true;
    this.#probe();
  }

  // One looks and all follow at once: the worst that can happen to a gateway that is just back.
  #probe(): void {
    const socket = connect(this.#job.port, "127.0.0.1");
    socket.on("error", () => setTimeout(() => this.#probe(), probeMs));
    socket.on("connect", () => {
      socket.destroy();
      this.#probing = false;
      const members = [...this.#waiting];
      this.#waiting.clear();
      if (members.length * 2 > this.#members.length) this.#openedAt = performance.now();
      for (const member of members) member.connect(this.#job.port);
    });
  }
}

/** Of twenty members: twelve follow a device, four a line, three a line once a second, one everything. */
function interestOf(index: number, { devices, lines }: HerdJob): Interest {
  const kind = index % 20;
  if (kind < 12) return { filter: herdTopic(index % devices, lines), rate: null };
  if (kind < 16) return { filter: `gps/line-${index % lines}/+`, rate: null };
  if (kind < 19) return { filter: `gps/line-${index % lines}/#`, rate: 1 };
  return { filter: "gps/#", rate: null };
}

interface Expected {
  readonly count: number;
  readonly checksum: number;
  readonly lastByTopic: ReadonlyMap<string, number>;
}

/** Knows what a filter must have brought; many members share one. */
class Judge {
  readonly #log: readonly LoggedReading[];
  readonly #expected = new Map<string, Expected>();

  constructor(log: readonly LoggedReading[]) {
    this.#log = log;
  }

  problem({ interest, isSubscribed, startSeq, ...got }: Subscriber): string | null {
    if (!isSubscribed) return `${interest?.filter} is not connected`;
    if (interest === null) return null;
    const { filter, rate } = interest;
    const { count, checksum, lastByTopic } = got;
    const expected = this.#expect(filter, startSeq ?? 0);
    if (rate === null) {
      if (count === expected.count && checksum === expected.checksum) return null;
      return `${filter} from ${startSeq}: ${count} readings (${checksum}), not ${expected.count} (${expected.checksum})`;
    }
    for (const [topic, seq] of expected.lastByTopic) {
      const last = lastByTopic.get(topic);
      if (last !== seq) return `${filter} at a rate: the last of ${topic} is ${last}, not ${seq}`;
    }
    return null;
  }

  #expect(filter: string, startSeq: number): Expected {
    const key = `${startSeq} ${filter}`;
    let expected = this.#expected.get(key);
    if (!expected) {
      const wanted = this.#log.filter(({ seq, topic }) => seq > startSeq && matchesFilter(filter, topic));
      expected = {
        count: wanted.length,
        checksum: wanted.reduce((sum, { seq }) => addToChecksum(sum, seq), 0),
        lastByTopic: new Map(wanted.map(({ seq, topic }) => [topic, seq])),
      };
      this.#expected.set(key, expected);
    }
    return expected;
  }
}
