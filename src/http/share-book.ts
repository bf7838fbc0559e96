import { createHash } from "node:crypto";
import type { Log } from "../log/contract.ts";
import { isoTime } from "../model/reading.ts";

/** All of a reading that a link shows: the way, nothing else of the device. */
export const sharedFields = ["lat", "lon", "altM", "speedKmh", "courseDeg", "accuracyM"] as const;

/** Shares that are valid at once; more are refused. */
export const maxShares = 1_000;
/** Shares that are over, of which links still say so; the one that ended longest ago is forgotten. */
const maxEnded = 1_000;
/** 192 bits. */
const tokenBytes = 24;
/** The name under which the log keeps them (`Progress`). */
const progressName = "shares";

/** What a link shows: one topic, from a time on, until it ends. Times are epoch milliseconds. */
export interface Share {
  readonly id: number;
  readonly topic: string;
  readonly from: number;
  /** When it ends, or ended because it was revoked. */
  readonly until: number;
  readonly isRevoked: boolean;
  /** SHA-256 of the token, in hex: who reads the store cannot make the link of it. */
  readonly digest: string;
}

/** Gives unguessable bytes. */
export type RandomBytes = (count: number) => Uint8Array;

/** A link that is not valid: HTTP status 404 (there was never one) or 410 (it has ended). */
export interface NoShare {
  readonly status: number;
  readonly message: string;
}

/** The links that were given out. They are kept with the log: in one piece, committed like everything there. */
export class ShareBook {
  readonly #log: Log;
  readonly #random: RandomBytes;
  #shares: readonly Share[];
  #byDigest = new Map<string, Share>();
  /** One change after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(log: Log, random: RandomBytes) {
    this.#log = log;
    this.#random = random;
    this.#shares = [];
    this.#show(savedIn(log));
  }

  /** Those that are valid, oldest first. */
  list(): Share[] {
    return this.#shares.filter((share) => this.#isValid(share));
  }

  /**
   * Makes a link.
   * @returns null if there are as many as may be
   * @throws LogUnavailable (as rejection) when it cannot be stored
   */
  create(topic: string, from: number, until: number): Promise<{ share: Share; token: string } | null> {
    return this.#inTurn(async () => {
      if (this.list().length >= maxShares) return null;
      const token = Buffer.from(this.#random(tokenBytes)).toString("base64url");
      const id = Math.max(0, ...this.#shares.map((one) => one.id)) + 1;
      const share = { id, topic, from, until, isRevoked: false, digest: digestOf(token) };
      await this.#keep([...this.#shares, share]);
      return { share, token };
    });
  }

  /** Ends a link now. @returns false if none of this id is valid @throws LogUnavailable (as rejection) when it cannot be stored */
  revoke(id: number): Promise<boolean> {
    return this.#inTurn(async () => {
      const share = this.list().find((one) => one.id === id);
      if (!share) return false;
      const ended = { ...share, until: this.#log.time, isRevoked: true };
      await this.#keep(this.#shares.map((one) => (one === share ? ended : one)));
      return true;
    });
  }

  /** What a link shows now. */
  find(token: string): Share | NoShare {
    const share = this.#byDigest.get(digestOf(token));
    if (!share) return { status: 404, message: "there is no such link; ask for a new one" };
    if (this.#isValid(share)) return share;
    const how = share.isRevoked ? "was taken back" : "ended";
    return { status: 410, message: `this link ${how} at ${isoTime(share.until)}; ask for a new one` };
  }

  /** The same for who follows it: what may be seen of the topic, and whether it still may. */
  follow(token: string): NoShare | (Share & { readonly fields: typeof sharedFields; isValid(): boolean }) {
    const found = this.find(token);
    if ("status" in found) return found;
    return { ...found, fields: sharedFields, isValid: () => !("status" in this.find(token)) };
  }

  #isValid({ until, isRevoked }: Share): boolean {
    return !isRevoked && this.#log.time < until;
  }

  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(change);
    this.#last = mine.catch(() => {});
    return mine;
  }

  async #keep(all: readonly Share[]): Promise<void> {
    const ended = all.filter((share) => !this.#isValid(share)).sort((one, other) => other.until - one.until);
    const forgotten = new Set(ended.slice(maxEnded));
    const kept = all.filter((share) => !forgotten.has(share));
    const state = Buffer.from(JSON.stringify(kept));
    const progress = { name: progressName, seq: 0, time: this.#log.time, state };
    await this.#log.append({ readings: [], progress });
    this.#show(kept);
  }

  #show(shares: readonly Share[]): void {
    this.#shares = shares;
    this.#byDigest = new Map(shares.map((share) => [share.digest, share]));
  }
}

/** None if what is kept cannot be read: then links are lost, and all else works. */
function savedIn(log: Log): Share[] {
  const saved = log.progress().find(({ name }) => name === progressName)?.state;
  try {
    return saved ? (JSON.parse(Buffer.from(saved.bytes).toString()) as Share[]) : [];
  } catch {
    return [];
  }
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}
