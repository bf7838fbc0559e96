import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { StreamClient } from "../support/stream-client.ts";
import { Fleet, Follower, readiness, readLog, until } from "./fleet.ts";
import { type Play, repeated } from "./soak.ts";

const graceMs = 2_000;
/** `serve` ends the process this long after the grace at the latest. */
const deadlineMs = graceMs + 2_000;
/** For a busy machine. */
const slackMs = 3_000;

function start(onTestFinished: Play["onTestFinished"]) {
  const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-fault-"));
  const disk = new FaultyDisk(join(dataDir, "log.db"));
  const gateway = new GatewayProcess(["ring.gatherMs=2", `shutdownGraceMs=${graceMs}`], dataDir);
  gateway.env = disk.env;
  onTestFinished(async () => {
    disk.mode = "works";
    await gateway.dispose();
    disk.remove();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { disk, gateway };
}

describe.concurrent("SIGTERM", () => {
  it(
    "under load: what is acknowledged is stored, clients know where to go on, it exits 0 in time",
    repeated(async ({ expect, onTestFinished }) => {
      const { gateway } = start(onTestFinished);
      await gateway.start();
      const { epoch } = await readiness(gateway);
      const follower = new Follower(gateway, epoch);
      onTestFinished(() => follower.close());
      const fleet = new Fleet(gateway, 8);
      onTestFinished(() => fleet.close());
      for (let round = 0; round < 3; round++) {
        const watcher = await StreamClient.open(gateway.httpPort);
        const before = fleet.acknowledged.size;
        await until("readings are acknowledged", () => fleet.acknowledged.size > before + 300);
        const begin = Date.now();
        expect(await gateway.stop()).toBe(0);
        expect(Date.now() - begin).toBeLessThan(deadlineMs);
        // "The gateway is going down; resume from the last cursor" (PROTOCOL.md).
        expect(await watcher.untilClosed()).toBe(4_000);
        await gateway.start();
      }
      await fleet.finish();
      await until("the follower is at the head", async () => {
        const { head } = await readiness(gateway);
        return follower.seqs.at(-1) === head;
      });
      const stored = await readLog(gateway, epoch);
      const numbers = new Set(stored.values());
      expect([...fleet.acknowledged.keys()].filter((n) => !numbers.has(n))).toEqual([]);
      expect(follower.gaps).toEqual([]);
      expect(follower.seqs).toEqual([...stored.keys()]);
    }),
  );

  it(
    "while the disk is full: it exits 0 in time, acknowledges nothing on the way, and says what is lost",
    repeated(async ({ expect, onTestFinished }) => {
      const { gateway, disk } = start(onTestFinished);
      await gateway.start();
      const { epoch } = await readiness(gateway);
      const fleet = new Fleet(gateway, 4);
      onTestFinished(() => fleet.close());
      await until("readings are acknowledged", () => fleet.acknowledged.size > 100);
      disk.mode = "full";
      await until("it is degraded", async () => !(await readiness(gateway)).isReady);
      const acknowledged = fleet.acknowledged.size;
      const begin = Date.now();
      expect(await gateway.stop()).toBe(0);
      expect(Date.now() - begin).toBeLessThan(deadlineMs + slackMs);
      const warning = gateway.lines.find((line) => line.includes("were shown and never stored")) ?? "{}";
      expect((JSON.parse(warning) as { readings?: number }).readings).toBeGreaterThan(0);
      expect(fleet.acknowledged.size).toBe(acknowledged);
      fleet.close();
      disk.mode = "works";
      await gateway.start();
      const numbers = new Set((await readLog(gateway, epoch)).values());
      expect([...fleet.acknowledged.keys()].filter((n) => !numbers.has(n))).toEqual([]);
    }),
  );

  it.for([
    ["once", 1, deadlineMs + slackMs],
    ["again after a while", 2, 1_500 + slackMs],
  ] as const)("%s while the disk hangs: the process ends in time", ([, times, limitMs], context) =>
    repeated(async ({ expect, onTestFinished }) => {
      const { gateway, disk } = start(onTestFinished);
      await gateway.start();
      const fleet = new Fleet(gateway, 4);
      onTestFinished(() => fleet.close());
      await until("readings are acknowledged", () => fleet.acknowledged.size > 100);
      disk.mode = "hangs";
      await new Promise((resolve) => setTimeout(resolve, 100));
      const begin = Date.now();
      const ended = gateway.ended();
      gateway.signal();
      if (times > 1) {
        await new Promise((resolve) => setTimeout(resolve, 1_200));
        gateway.signal();
      }
      expect(await ended).not.toBe(0);
      expect(Date.now() - begin).toBeLessThan(limitMs);
    })(context),
  );
});
