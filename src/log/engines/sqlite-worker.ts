import { parentPort, workerData } from "node:worker_threads";
import { isDamage, noteDamage } from "./damage.ts";
import { openStore } from "./recovery.ts";
import type {
  StoreCall,
  StoreCalls,
  WorkerAnswer,
  WorkerMessage,
  WorkerRequest,
  WorkerStart,
} from "./sqlite-protocol.ts";
import { describeProblem } from "./sqlite-schema.ts";
import type { SqliteStore } from "./sqlite-store.ts";

/** The worker thread that owns the connection: it answers one request after the other, but for backups, which take their time. */
const { options, newEpoch } = workerData as WorkerStart;
let store: SqliteStore | null = null;

type Answer = StoreCalls[keyof StoreCalls]["answer"];

function answer(call: StoreCall): Answer | Promise<null> {
  if (call.name === "open") {
    const opened = openStore(options, newEpoch, call.ask, (damage) =>
      parentPort?.postMessage({ id: null, damage } satisfies WorkerMessage),
    );
    store = opened.store;
    // A log that goes on has these in memory.
    return call.ask === null ? opened.state : { ...opened.state, latest: [], remembered: [], progress: [] };
  }
  if (!store) throw new Error("the log is closed");
  switch (call.name) {
    case "commit":
      return store.commit(call.ask);
    case "read":
      return store.read(call.ask.after, call.ask.maxBytes);
    case "observed":
      return store.observed(call.ask);
    case "limitedSince":
      return store.limitedSince(call.ask);
    case "firstAfter":
      return store.firstAfter(call.ask);
    case "quarantined":
      return store.quarantined(call.ask.limit, call.ask.query);
    case "backup":
      return store.backup(call.ask).then(() => null);
    case "close":
      store.close();
      store = null;
      return null;
  }
}

function reply({ id, call }: WorkerRequest): void {
  const fail = (error: unknown) => {
    post({ id, problem: describeProblem(error, options.path) });
    if (store !== null && call.name !== "backup" && isDamage(error)) endForDamage(store);
  };
  try {
    const answered = answer(call);
    if (answered instanceof Promise) answered.then((late) => post({ id, problem: null, answer: late }), fail);
    else post({ id, problem: null, answer: answered });
  } catch (error) {
    fail(error);
  }
  if (call.name === "close") parentPort?.close();
}

/** The next thread opens the file, and so sets it aside and takes over what it can (recovery.ts). */
function endForDamage(damaged: SqliteStore): void {
  noteDamage(options.path);
  parentPort?.postMessage({ id: null, damage: null } satisfies WorkerMessage);
  store = null;
  try {
    damaged.abandon();
  } finally {
    parentPort?.close();
  }
}

function post(message: WorkerAnswer): void {
  const page = message.problem === null ? message.answer : null;
  const isPage = page !== null && typeof page === "object" && "bytes" in page;
  parentPort?.postMessage(message, isPage ? [(page.bytes as Uint8Array<ArrayBuffer>).buffer] : []);
}

parentPort?.on("message", reply);
