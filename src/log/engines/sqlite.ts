import { once } from "node:events";
import { type Transferable, Worker } from "node:worker_threads";
import type { QuarantineQuery, StoredPacket } from "../contract.ts";
import type {
  Damage,
  EngineBatch,
  EnginePage,
  EngineState,
  LatestRow,
  LogEngine,
  ObservedAsk,
  ObservedBodies,
} from "../engine.ts";
import { randomEpoch } from "../epoch.ts";
import { defaultSqliteOptions, type SqliteOptions } from "../options.ts";
import { packBlocks, packBodies, unpackBodies } from "./blocks.ts";
import type {
  PackedRows,
  Resumption,
  StoreCall,
  StoreCalls,
  WorkerAnswer,
  WorkerMessage,
  WorkerStart,
} from "./sqlite-protocol.ts";

/** Reads handed to the worker at a time; a commit waits behind no more than these. */
const maxReadsAtWorker = 4;

/** Deaths of the worker without a commit in between, after which it is not started again. */
const maxDeaths = 3;

interface Waiter {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The log in one SQLite file, written by a worker thread so that the main loop never waits for the disk. A worker that dies rejects
 * what it had in hand and is started again; calls wait for that, and the log goes on where its last good commit left it.
 */
export class SqliteEngine implements LogEngine {
  readonly #options: SqliteOptions;
  readonly #newEpoch: () => string;
  #start: WorkerStart;
  readonly #waiters = new Map<number, Waiter>();
  /** Reads that wait for their turn; the log bounds how many (maxStoreReads). */
  #readQueue: (() => void)[] = [];
  #readsAtWorker = 0;
  #worker: Worker | null = null;
  #lastId = 0;
  #isClosing = false;
  #died: (problem: string) => void = () => {};
  #damaged: (damage: Damage) => void = () => {};
  #replaced: (state: EngineState) => void = () => {};
  /** Files that took the place of a damaged one. */
  #replacements = 0;
  /** Why nothing is stored while another file takes the place of a damaged one; null as a rule. */
  #replacing: string | null = null;
  /** Null until the log is open. */
  #resumption: Resumption | null = null;
  #restarted: Promise<void> | null = null;
  #deaths = 0;
  /** Why nothing is taken any more; null while open. */
  #ended: string | null = "the log is not open";

  /** @param newEpoch makes the epoch of an opening, `[0-9a-z]{1,32}` */
  constructor(
    options: Partial<SqliteOptions> & Pick<SqliteOptions, "path">,
    newEpoch: () => string = randomEpoch,
  ) {
    this.#options = { ...defaultSqliteOptions, ...options };
    this.#newEpoch = newEpoch;
    this.#start = { options: this.#options, newEpoch: newEpoch() };
  }

  async open(
    died: (problem: string) => void,
    damaged: (damage: Damage) => void = () => {},
    replaced: (state: EngineState) => void = () => {},
  ): Promise<EngineState> {
    this.#died = died;
    this.#damaged = damaged;
    this.#replaced = replaced;
    this.#ended = null;
    this.#start = { options: this.#options, newEpoch: this.#newEpoch() };
    try {
      const state = await this.#startWorker(null);
      const former = state.formerEpochs?.at(-1)?.epoch ?? state.epoch;
      this.#resumption = { epochs: [state.epoch, former], head: state.head };
      return state;
    } catch (error) {
      await this.#terminate();
      throw error;
    }
  }

  async commit({ records, latest: rows, ...batch }: EngineBatch): Promise<{ readonly oldest: number }> {
    const blocks = packBlocks(records, batch.committedAt);
    const latest = packRows(rows);
    const buffers = [...blocks, latest].map(({ bytes }) => bytes.buffer);
    // It can take seconds, in which live streaming goes on.
    if (this.#replacing !== null) throw new Error(this.#replacing);
    const replacements = this.#replacements;
    while (this.#restarted !== null && this.#ended === null) await this.#restarted;
    // What comes ahead of this batch may be missing now.
    if (replacements !== this.#replacements) throw new Error(`${this.#options.path} was begun anew`);
    const committed = await this.#call("commit", { ...batch, blocks, latest }, buffers);
    const head = records.at(-1)?.seq;
    if (this.#resumption && head !== undefined) this.#resumption = { ...this.#resumption, head };
    this.#deaths = 0;
    return committed;
  }

  async read(after: number, maxBytes: number): Promise<EnginePage> {
    const page = await this.#inTurn(() => this.#call("read", { after, maxBytes }));
    if (page.kind !== "packed") return page;
    const committedAt = page.commits.flatMap((one) => new Array<number>(one.count).fill(one.committedAt));
    return { kind: "bodies", bodies: unpackBodies(page.bytes), committedAt };
  }

  async observed(ask: ObservedAsk): Promise<ObservedBodies> {
    const { bytes, next } = await this.#inTurn(() => this.#call("observed", ask));
    return { bodies: unpackBodies(bytes), next };
  }

  async firstAfter(time: number): Promise<number> {
    return this.#inTurn(() => this.#call("firstAfter", time));
  }

  async limitedSince(domain: string | null): Promise<number | null> {
    const isLimited = Object.keys(this.#options.domains).some((one) => domain === null || one === domain);
    return isLimited ? this.#inTurn(() => this.#call("limitedSince", domain)) : null;
  }

  async quarantined(limit: number, query: QuarantineQuery): Promise<StoredPacket[]> {
    return this.#call("quarantined", { limit, query });
  }

  async backup(path: string): Promise<void> {
    await this.#call("backup", path);
  }

  async close(): Promise<void> {
    if (this.#ended !== null) return;
    this.#isClosing = true;
    try {
      await this.#call("close", null);
    } finally {
      await this.#terminate();
    }
  }

  async #inTurn<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    if (this.#readsAtWorker >= maxReadsAtWorker) {
      await new Promise<void>((resolve) => this.#readQueue.push(resolve));
    } else this.#readsAtWorker++;
    try {
      return await read();
    } finally {
      // The place goes to the next in line, or becomes free.
      const next = this.#readQueue.shift();
      if (next) next();
      else this.#readsAtWorker--;
    }
  }

  async #terminate(): Promise<void> {
    this.#isClosing = true;
    if (this.#worker && this.#ended === null) {
      const exited = once(this.#worker, "exit");
      await this.#worker.terminate();
      await exited;
    }
  }

  #startWorker(resumption: Resumption | null): Promise<EngineState> {
    const worker = new Worker(workerUrl(), { workerData: this.#start });
    this.#worker = worker;
    let cause = "";
    worker.on("message", (message: WorkerMessage) => {
      if (message.id !== null) this.#settle(message);
      else if (message.damage !== null) this.#damaged(message.damage);
      else {
        this.#replacing = `${this.#options.path} is damaged: it is set aside now, and what can be read of it goes into a new file`;
      }
    });
    worker.on("error", (error) => {
      cause = `: ${error.message}`;
    });
    worker.on("exit", (code) => {
      this.#lost(`the thread that writes ${this.#start.options.path} ended (code ${code}${cause})`);
    });
    return this.#post("open", resumption);
  }

  #lost(problem: string): void {
    if (this.#ended !== null) return;
    if (this.#isClosing) return this.#end("the log is closed");
    if (this.#resumption === null) return this.#end(problem);
    this.#rejectAll(`${problem}; it is started again`);
    if (++this.#deaths > maxDeaths) this.#giveUp(`${problem}, again and again`);
    else this.#restart(this.#resumption);
  }

  #restart(resumption: Resumption): void {
    const started = this.#startWorker(resumption);
    const worker = this.#worker;
    this.#restarted = started.then(
      (state) => {
        this.#restarted = null;
        this.#replacing = null;
        if (state.notice === undefined) return;
        this.#replacements++;
        this.#resumption = { ...resumption, head: state.head };
        this.#replaced(state);
      },
      (error: Error) => {
        // One that died while it opened has a successor by now.
        if (this.#worker === worker) this.#giveUp(error.message);
      },
    );
  }

  #giveUp(problem: string): void {
    if (this.#ended !== null) return;
    this.#end(problem);
    void this.#worker?.terminate();
    this.#died(problem);
  }

  async #call<Name extends keyof StoreCalls>(
    name: Name,
    ask: StoreCalls[Name]["ask"],
    transfer: Transferable[] = [],
  ): Promise<StoreCalls[Name]["answer"]> {
    while (this.#restarted !== null && this.#ended === null) await this.#restarted;
    return this.#post(name, ask, transfer);
  }

  #post<Name extends keyof StoreCalls>(
    name: Name,
    ask: StoreCalls[Name]["ask"],
    transfer: Transferable[] = [],
  ): Promise<StoreCalls[Name]["answer"]> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== null) return reject(new Error(this.#ended));
      const id = ++this.#lastId;
      this.#waiters.set(id, { resolve, reject });
      const call = { name, ask } as StoreCall;
      this.#worker?.postMessage({ id, call }, transfer);
    });
  }

  #settle(answer: WorkerAnswer): void {
    const waiter = this.#waiters.get(answer.id);
    this.#waiters.delete(answer.id);
    if (answer.problem === null) waiter?.resolve(answer.answer as never);
    else waiter?.reject(new Error(answer.problem));
  }

  #end(reason: string): void {
    this.#ended = reason;
    this.#rejectAll(reason);
  }

  #rejectAll(reason: string): void {
    for (const waiter of this.#waiters.values()) waiter.reject(new Error(reason));
    this.#waiters.clear();
  }
}

function packRows(rows: readonly LatestRow[]): PackedRows {
  const topicIds = rows.map(({ topicId }) => topicId);
  const lastSeqs = rows.map(({ lastSeq }) => lastSeq);
  return { topicIds, lastSeqs, bytes: packBodies(rows.map(({ body }) => body)) };
}

/** Node 20 cannot run TypeScript in a worker: from the sources, the compiled twin in `dist` runs (`npm run build:server`). */
function workerUrl(): URL {
  const isSource = import.meta.url.endsWith(".ts");
  return new URL(
    isSource ? "../../../dist/src/log/engines/sqlite-worker.js" : "./sqlite-worker.js",
    import.meta.url,
  );
}
