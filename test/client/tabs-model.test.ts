import fc from "fast-check";
import { expect, test } from "vitest";
import type { Fieldcast, Reading } from "../../src/client/node.ts";
import { Gateway } from "./gateway.ts";
import { TabHost } from "./locks.ts";
import { open, range, seqs, until } from "./support.ts";

interface Tab {
  readonly fieldcast: Fieldcast;
  readonly platform: ReturnType<TabHost["tab"]>;
  readonly readings: Reading[];
}

const which = fc.nat(5);
const count = fc.integer({ min: 1, max: 9 });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("commit" as const), count }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("open" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("nap" as const), which, count }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("heartbeat" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

let groups = 0;

/** Tabs that come and go around one gateway. */
class Tabs {
  readonly alive: Tab[] = [];
  private readonly host = new TabHost();
  private readonly shareTabs = `model ${process.pid} ${++groups}`;
  private readonly gateway: Gateway;

  constructor(gateway: Gateway) {
    this.gateway = gateway;
  }

  async run(step: Step): Promise<void> {
    const { gateway } = this;
    if (step.kind === "commit") gateway.commitMany("gps/a", step.count);
    else if (step.kind === "open") this.open();
    else if (step.kind === "drop") gateway.peers.at(-1)?.drop();
    else if (step.kind === "heartbeat") {
      // A gateway says so only when everything up to there was sent to all.
      const peer = gateway.peers.at(-1);
      if (peer && peer.filters.size > 0) peer.send({ type: "heartbeat", cursor: gateway.cursor() });
    } else if (step.kind === "wait") await this.untilAllHaveAll();
    else await this.disturb(step);
  }

  untilAllHaveAll(): Promise<void> {
    return until(() => this.alive.every(({ readings }) => readings.length >= this.gateway.head));
  }

  closeAll(): void {
    for (const { fieldcast } of this.alive) fieldcast.close();
  }

  private open(): void {
    const platform = this.host.tab();
    const fieldcast = open(this.gateway, { shareTabs: this.shareTabs, tabs: platform });
    const readings: Reading[] = [];
    fieldcast.subscribe("gps/#", { from: { cursor: "e1:0" } }, (reading) => readings.push(reading));
    this.alive.push({ fieldcast, platform, readings });
  }

  private async disturb(step: Extract<Step, { which: number }>): Promise<void> {
    const at = step.which % this.alive.length;
    const tab = this.alive[at];
    if (!tab) return;
    if (step.kind === "nap") {
      tab.platform.freeze();
      this.gateway.commitMany("gps/a", step.count);
      await new Promise((resolve) => setImmediate(resolve));
      return tab.platform.thaw();
    }
    // After a crash it says nothing more to anybody, and its socket goes with it.
    if (step.kind === "crash") tab.platform.crash();
    tab.fieldcast.close();
    this.alive.splice(at, 1);
  }
}

test("whatever happens to tabs and to their socket, each tab that lives gets each reading once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const gateway = await Gateway.start();
      const tabs = new Tabs(gateway);
      try {
        for (const one of steps) await tabs.run(one);
        await tabs.run({ kind: "open" });
        await tabs.untilAllHaveAll();
        for (const { readings } of tabs.alive) expect(seqs(readings)).toEqual(range(1, gateway.head));
      } finally {
        tabs.closeAll();
        await gateway.stop();
      }
    }),
    { numRuns: 100 },
  );
}, 90_000);
