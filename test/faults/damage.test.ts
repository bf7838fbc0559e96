import { closeSync, openSync, readdirSync, readFileSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import { SqliteEngine } from "../../src/log/engines/sqlite.ts";
import { openLog } from "../../src/log/log.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { Fleet, Follower, readiness, readLog, until } from "./fleet.ts";
import { repeated } from "./soak.ts";

const pageBytes = 4_096;

/** Writes garbage over a share of the pages in the middle of a file, or over all of it. */
function garble(path: string, seed: number, share: number, from = 0.25, to = 0.75): void {
  const random = createRandom(seed);
  const pages = Math.floor(statSync(path).size / pageBytes);
  const fd = openSync(path, "r+");
  for (let page = Math.floor(pages * from); page < pages * to; page++) {
    if (random.next() < share) writeSync(fd, Buffer.alloc(pageBytes, 0xa5), 0, pageBytes, page * pageBytes);
  }
  closeSync(fd);
}

function cutOff(path: string): void {
  truncateSync(path, Math.floor(statSync(path).size / 2 / pageBytes) * pageBytes);
}

/** Fills the log of a gateway that does not run yet. Returns its epoch. */
async function fill(path: string): Promise<string> {
  const log = await openLog(new SqliteEngine({ path }), {}, systemClock, silentLogger);
  for (let n = -2_000; n < 0; n += 5) {
    const readings = [0, 1, 2, 3, 4].map((more) => ({
      domain: "gps" as const,
      device: `van-${more}`,
      time: Date.now(),
      values: { n: n + more, note: "x".repeat(250) },
    }));
    await log.append({ readings });
  }
  await log.close();
  return log.epoch;
}

interface Damage {
  readonly name: string;
  readonly inflict: (logPath: string, seed: number) => void;
}

async function start(gateway: GatewayProcess, inflict?: (logPath: string) => void) {
  const path = join(gateway.dataDir, "log.db");
  const epoch = await fill(path);
  inflict?.(path);
  await gateway.start();
  return { path, epoch, follower: new Follower(gateway, epoch) };
}

// A small tail, so that readers meet the file.
const settings = ["ring.tailBytes=4096", "ring.gatherMs=2"];

const betweenRuns: readonly Damage[] = [
  { name: "garbage here and there", inflict: (path, seed) => garble(path, seed, 0.2) },
  { name: "half of it cut off", inflict: cutOff },
];

describe.concurrent.each(betweenRuns)("a log with $name", ({ inflict }) => {
  it(
    "is set aside at the start, what is left goes on, and subscribers are told",
    repeated(async ({ expect, onTestFinished, seed }) => {
      const gateway = new GatewayProcess(settings);
      onTestFinished(() => gateway.dispose());
      const { path, follower } = await start(gateway, (logPath) => inflict(logPath, seed));
      onTestFinished(() => follower.close());
      const fleet = new Fleet(gateway, 2);
      onTestFinished(() => fleet.close());
      await until("readings are acknowledged", () => fleet.acknowledged.size > 100);
      await fleet.finish();
      const numbers = new Set((await readLog(gateway, (await readiness(gateway)).epoch)).values());
      expect([...fleet.acknowledged.keys()].filter((n) => !numbers.has(n))).toEqual([]);
      await until("the follower has been told", () => follower.gaps.length > 0);
      expect(readdirSync(gateway.dataDir)).toContain("log.db.damaged-1");
      expect(gateway.lines.join("\n")).toMatch(/was damaged .*set aside as/);
      expect(await gateway.stop()).toBe(0);
      expect(readFileSync(path).subarray(0, 15).toString()).toBe("SQLite format 3");
    }),
  );
});

const inUse: readonly Damage[] = [
  { name: "garbage here and there", inflict: (path, seed) => garble(path, seed, 0.5) },
  { name: "nothing but garbage", inflict: (path, seed) => garble(path, seed, 1, 0, 1) },
  { name: "half of it cut off", inflict: cutOff },
];

describe.concurrent.each(inUse)("a log with $name while in use", ({ inflict }) => {
  it(
    "goes on live, is set aside at the next start if not before, and subscribers are told",
    repeated(async ({ expect, onTestFinished, seed }) => {
      const gateway = new GatewayProcess(settings);
      onTestFinished(() => gateway.dispose());
      const { path, epoch, follower } = await start(gateway);
      onTestFinished(() => follower.close());
      const { pid } = gateway;
      const first = new Fleet(gateway, 2);
      onTestFinished(() => first.close());
      await until("readings are acknowledged", () => first.acknowledged.size > 50);
      inflict(path, seed);
      // Somebody who reads what was damaged; it must hurt nobody.
      const reader = new Follower(gateway, epoch);
      await follower.more(200);
      reader.close();
      expect(gateway.pid).toBe(pid);
      // Else its devices and those of the next would take the connection from each other.
      first.close();
      await gateway.stop();
      // What SQLite has in memory it does not read again.
      await gateway.start();
      expect((await readiness(gateway)).isReady).toBe(true);
      const second = new Fleet(gateway, 2);
      onTestFinished(() => second.close());
      await until("readings are acknowledged after the restart", () => second.acknowledged.size > 50);
      await second.finish();
      const late = new Follower(gateway, epoch);
      onTestFinished(() => late.close());
      await until("who comes late is told", () => late.gaps.length > 0);
      expect(readdirSync(gateway.dataDir)).toContain("log.db.damaged-1");
      expect(gateway.lines.join("\n")).toMatch(/was damaged .*set aside as/);
      expect(await gateway.stop()).toBe(0);
      expect(readFileSync(path).subarray(0, 15).toString()).toBe("SQLite format 3");
    }),
  );
});
