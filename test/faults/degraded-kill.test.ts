import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { Fleet, Follower, readiness, readLog, until } from "./fleet.ts";
import { repeated } from "./soak.ts";

it(
  "kill -9 while the disk is full: who saw what was never stored is told, and no position means two things",
  repeated(async ({ expect, onTestFinished }) => {
    const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-fault-"));
    const disk = new FaultyDisk(join(dataDir, "log.db"));
    const gateway = new GatewayProcess(["ring.gatherMs=2", "stream.batchMs=10"], dataDir);
    gateway.env = disk.env;
    onTestFinished(async () => {
      await gateway.dispose();
      disk.remove();
      rmSync(dataDir, { recursive: true, force: true });
    });
    await gateway.start();
    const first = await readiness(gateway);
    const follower = new Follower(gateway, first.epoch);
    onTestFinished(() => follower.close());
    const fleet = new Fleet(gateway, 2);
    onTestFinished(() => fleet.close());
    await until("readings are acknowledged", () => fleet.acknowledged.size > 100);
    disk.mode = "full";
    await until("it is degraded", async () => !(await readiness(gateway)).isReady);
    await follower.more(100);
    await gateway.kill();
    const seenAtKill = follower.seqs.length;
    // It comes up on the full disk too, and live goes on.
    await gateway.start();
    await follower.more(100);
    expect((await readiness(gateway)).isReady).toBe(false);
    disk.mode = "works";
    const atCure = fleet.acknowledged.size;
    await until("readings are acknowledged again", () => fleet.acknowledged.size > atCure + 100);
    await fleet.finish();
    await until("the follower is at the head", async () => {
      const { head, isReady } = await readiness(gateway);
      return isReady && follower.seqs.at(-1) === head;
    });
    const stored = await readLog(gateway, first.epoch);
    const numbers = new Set(stored.values());
    expect([...fleet.acknowledged.keys()].filter((n) => !numbers.has(n))).toEqual([]);
    expect([...stored.keys()]).toEqual([...stored.keys()].map((_, index) => index + 1));
    expect(follower.gaps.map(({ reason }) => reason)).toEqual(["ahead"]);
    // Up to the gap it saw what is stored, and then what never was; behind it, all that came after the former, once and in order.
    const at = follower.gapsAt[0] as number;
    expect(at).toBeGreaterThanOrEqual(seenAtKill);
    const begin = follower.seqs[at] as number;
    expect(begin).toBeLessThanOrEqual(at);
    const kept = follower.numbers.slice(0, begin - 1);
    expect([...kept, ...follower.numbers.slice(at)]).toEqual([...stored.values()]);
    expect(follower.numbers.slice(begin - 1, at).length).toBeGreaterThanOrEqual(100);
    expect(await gateway.stop()).toBe(0);
  }),
);
