import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { Fleet, Follower, readiness, readLog, until } from "./fleet.ts";

const seed = Number(process.env["FIELDCAST_FAULT_SEED"] ?? 20_261_122);
const pageBytes = 4_096;

/** Writes garbage into the middle half of a file, a page here and there, or over all of it. */
function garble(path: string, share: number, from = 0.25, to = 0.75): void {
  const random = createRandom(seed);
  const pages = Math.floor(statSync(path).size / pageBytes);
  const fd = openSync(path, "r+");
  for (let page = Math.floor(pages * from); page < pages * to; page++) {
    if (random.next() < share) writeSync(fd, Buffer.alloc(pageBytes, 0xa5), 0, pageBytes, page * pageBytes);
  }
  closeSync(fd);
}

interface Damage {
  readonly name: string;
  readonly isInUse: boolean;
  readonly inflict: (logPath: string) => void;
}

const damages: readonly Damage[] = [
  { name: "garbage here and there", isInUse: false, inflict: (path) => garble(path, 0.2) },
  { name: "nothing but garbage", isInUse: false, inflict: (path) => garble(path, 1, 0, 1) },
  {
    name: "another kind of file",
    isInUse: false,
    inflict: (path) => writeFileSync(path, "holiday ".repeat(999)),
  },
  {
    name: "half of it cut off",
    isInUse: false,
    inflict: (path) => truncateSync(path, statSync(path).size / 2),
  },
  { name: "garbage here and there, while in use", isInUse: true, inflict: (path) => garble(path, 0.5) },
  { name: "nothing but garbage, while in use", isInUse: true, inflict: (path) => garble(path, 1, 0, 1) },
  {
    name: "half of it cut off, while in use",
    isInUse: true,
    inflict: (path) => truncateSync(path, Math.floor(statSync(path).size / 2 / pageBytes) * pageBytes),
  },
];

describe.concurrent.each(damages)("a log with $name", ({ isInUse, inflict }) => {
  it("is set aside, what is left goes on, and subscribers are told", async ({ expect, onTestFinished }) => {
    // A small tail, so that readers meet the file.
    const gateway = new GatewayProcess(["ring.tailBytes=4096", "ring.gatherMs=2"]);
    onTestFinished(() => gateway.dispose());
    const path = join(gateway.dataDir, "log.db");
    await gateway.start();
    const { epoch } = await readiness(gateway);
    const first = new Fleet(gateway, 4, { isLive: false, noteChars: 500 });
    onTestFinished(() => first.close());
    await until("readings are acknowledged", () => first.acknowledged.size > 1_500);
    await first.finish();
    first.close();
    // Moves the write-ahead log into the file.
    expect(await gateway.stop()).toBe(0);
    if (!isInUse) inflict(path);
    await gateway.start();
    const { pid } = gateway;
    const follower = new Follower(gateway, epoch);
    onTestFinished(() => follower.close());
    const second = new Fleet(gateway, 2);
    onTestFinished(() => second.close());
    const { acknowledged } = second;
    await until("readings are acknowledged", () => acknowledged.size > 50);
    if (isInUse) {
      inflict(path);
      // Somebody who reads what was damaged; it must hurt nobody.
      const reader = new Follower(gateway, epoch);
      await follower.more(200);
      reader.close();
      expect(gateway.pid).toBe(pid);
      second.stop();
      await gateway.stop();
      await gateway.start();
      expect((await readiness(gateway)).isReady).toBe(true);
      const third = new Fleet(gateway, 2);
      onTestFinished(() => third.close());
      await until("readings are acknowledged after the restart", () => third.acknowledged.size > 50);
      await third.finish();
    } else {
      await until("more readings are acknowledged", () => acknowledged.size > 200);
      await second.finish();
      const numbers = new Set((await readLog(gateway, (await readiness(gateway)).epoch)).values());
      expect([...acknowledged.keys()].filter((n) => !numbers.has(n))).toEqual([]);
    }
    expect(readdirSync(gateway.dataDir)).toContain("log.db.damaged-1");
    expect(gateway.lines.join("\n")).toMatch(/was damaged .*set aside as/);
    await until("the follower has been told", () => follower.gaps.length > 0);
    expect(await gateway.stop()).toBe(0);
    expect(readFileSync(path).subarray(0, 15).toString()).toBe("SQLite format 3");
  });
});
