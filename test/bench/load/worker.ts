import type { Socket } from "node:net";
import { Herd, type HerdJob, type HerdState, type HerdVerdict } from "./herd.ts";
import { type PublishCounts, Publisher, type PublishJob } from "./publisher.ts";
import { type ReadCounts, Reader, type ReadJob, type Verdict } from "./reader.ts";
import { openStalled, type StalledJob } from "./stalled.ts";

/** What a load process can be asked, and what it answers. One question at a time. */
export interface Questions {
  openDevices: { ask: PublishJob; answer: null };
  startPublishing: { ask: null; answer: null };
  stopPublishing: { ask: null; answer: PublishCounts };
  publishCounts: { ask: null; answer: PublishCounts };
  openDashboards: { ask: ReadJob; answer: null };
  /** Opens so many more. */
  moreDashboards: { ask: number; answer: null };
  startAging: { ask: null; answer: null };
  stopAging: { ask: null; answer: { p50Ms: number; p99Ms: number } };
  readCounts: { ask: null; answer: ReadCounts };
  verdict: { ask: readonly number[]; answer: Verdict };
  openStalled: { ask: StalledJob; answer: null };
  dropStalled: { ask: null; answer: null };
  openHerd: { ask: HerdJob; answer: null };
  /** Asks with the seq that `reached` is counted by. */
  herdState: { ask: number; answer: HerdState };
  herdVerdict: { ask: null; answer: HerdVerdict };
  /** Whom the gateway drops stays away until `releaseHerd`. */
  holdHerd: { ask: null; answer: null };
  releaseHerd: { ask: null; answer: null };
  /** Members that do not have exactly what the herd has read in the log. */
  incompleteHerd: { ask: null; answer: number };
  /** The herd reads the log, for `incompleteHerd` to go by. */
  readLog: { ask: null; answer: number };
}

type Handlers = {
  [Name in keyof Questions]: (
    ask: Questions[Name]["ask"],
  ) => Questions[Name]["answer"] | Promise<Questions[Name]["answer"]>;
};

/** Answers the questions of the parent process until it disconnects. */
export function runLoadWorker(): void {
  const handlers = createHandlers();
  process.on("message", (message: { name: keyof Questions; ask: unknown }) => {
    const handle = handlers[message.name] as (ask: unknown) => unknown;
    void Promise.resolve(handle(message.ask)).then((answer) => process.send?.({ answer }));
  });
  process.on("disconnect", () => process.exit(0));
}

function createHandlers(): Handlers {
  let publisher: Publisher | null = null;
  let reader: Reader | null = null;
  const devices = () => publisher ?? missing();
  const dashboards = () => reader ?? missing();
  const stalled: Socket[] = [];
  let theHerd: Herd | null = null;
  const herd = () => theHerd ?? missing();
  return {
    openDevices: async (job) => {
      publisher = new Publisher(job);
      await publisher.connect();
      return null;
    },
    startPublishing: () => {
      devices().start();
      return null;
    },
    stopPublishing: () => {
      devices().stop();
      return devices().counts();
    },
    publishCounts: () => devices().counts(),
    openDashboards: async (job) => {
      reader = new Reader(job);
      await reader.connect();
      return null;
    },
    moreDashboards: async (count) => {
      await dashboards().connect(count);
      return null;
    },
    startAging: () => {
      dashboards().startAging();
      return null;
    },
    stopAging: () => dashboards().stopAging(),
    readCounts: () => dashboards().counts(),
    verdict: (sentByDevice) => dashboards().verdict(sentByDevice),
    openStalled: async (job) => {
      stalled.push(...(await openStalled(job)));
      return null;
    },
    dropStalled: () => {
      for (const socket of stalled.splice(0)) socket.destroy();
      return null;
    },
    openHerd: async (job) => {
      theHerd = new Herd(job);
      await theHerd.open();
      return null;
    },
    herdState: (seq) => herd().state(seq),
    herdVerdict: () => herd().verdict(),
    holdHerd: () => {
      herd().hold();
      return null;
    },
    releaseHerd: () => {
      herd().release();
      return null;
    },
    incompleteHerd: () => herd().incomplete(),
    readLog: () => herd().readLog(),
  };
}

function missing(): never {
  throw new Error("nothing is open in this process yet");
}
