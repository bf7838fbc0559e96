import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statfsSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, it } from "vitest";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { Fleet, Follower, pause, readiness, readLog, until } from "./fleet.ts";
import { isSoak, repeated } from "./soak.ts";

/** Faults of one gateway, one after the other. */
const rounds = isSoak ? 3 : 1;
const settings = ["ring.gatherMs=2", "stream.batchMs=10", "logLevel=info"];

/** Something that goes wrong under a running gateway, and its end. */
interface Fault {
  readonly name: string;
  readonly reason: RegExp;
  /** Makes a place for the log where it can happen. */
  readonly prepare: () => Place;
}

interface Place {
  readonly dataDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cause: (gateway: GatewayProcess) => void | Promise<void>;
  readonly cure: () => void;
  readonly remove: () => void;
}

/** On the disk of disk.c, which works everywhere. */
function simulated(mode: "full" | "fails" | "readOnly"): Place {
  const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-fault-"));
  const disk = new FaultyDisk(join(dataDir, "log.db"));
  return {
    dataDir,
    env: disk.env,
    cause: () => {
      disk.mode = mode;
    },
    cure: () => {
      disk.mode = "works";
    },
    remove: () => {
      disk.remove();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

function mount(...args: string[]): boolean {
  return spawnSync("mount", args, { stdio: "ignore" }).status === 0;
}

/** On a small file system of its own, where mounting is allowed; else null. */
function mounted(prepare: (dataDir: string) => Pick<Place, "cause" | "cure">): Place | null {
  const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-mount-"));
  if (!mount("-t", "tmpfs", "-o", "size=24m", "tmpfs", dataDir)) {
    rmSync(dataDir, { recursive: true });
    return null;
  }
  const remove = () => {
    spawnSync("umount", ["-l", dataDir]);
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { dataDir, env: {}, remove, ...prepare(dataDir) };
}

const fullTmpfs = (dataDir: string) => ({
  cause: () => {
    const ballast = join(dataDir, "ballast");
    for (let piece = 0; ; piece++) {
      const { bavail, bsize } = statfsSync(dataDir);
      if (bavail === 0) return;
      writeFileSync(`${ballast}-${piece}`, Buffer.alloc(Math.min(bavail * bsize, 1 << 20)));
    }
  },
  cure: () => {
    for (const name of readdirSync(dataDir)) if (name.startsWith("ballast")) unlinkSync(join(dataDir, name));
  },
});

/** Another process takes the file's lock in the moment in which a failing disk made the gateway let go of it. */
function locked(): Place {
  const place = simulated("fails");
  let other: Database.Database | null = null;
  return {
    ...place,
    cause: async (gateway) => {
      await place.cause(gateway);
      await until("the gateway has noticed", async () => !(await readiness(gateway)).isReady);
      other = new Database(join(place.dataDir, "log.db"), { timeout: 0 });
      other.pragma("locking_mode = EXCLUSIVE");
      place.cure();
      const take = () => {
        try {
          other?.exec("BEGIN EXCLUSIVE; COMMIT");
          return true;
        } catch {
          return false;
        }
      };
      // The gateway may be quicker: then its disk fails again.
      await until("the lock is taken", async () => {
        if (take()) return true;
        await place.cause(gateway);
        await pause(50);
        place.cure();
        return take();
      });
    },
    cure: () => {
      other?.close();
      place.cure();
    },
  };
}

const faults: readonly Fault[] = [
  {
    name: "the disk is full",
    reason: /no room for .*log\.db.*SQLITE_FULL/,
    prepare: () => mounted(fullTmpfs) ?? simulated("full"),
  },
  {
    name: "the disk is full, as the C library tells it",
    reason: /no room for .*log\.db.*SQLITE_FULL/,
    prepare: () => simulated("full"),
  },
  {
    name: "every access fails",
    reason: /the disk failed under .*log\.db|cannot be opened/,
    prepare: () => simulated("fails"),
  },
  {
    // As a file system does by itself after an error; by hand it cannot be done while a file is open for writing.
    name: "the disk turns read-only",
    reason: /log\.db/,
    prepare: () => simulated("readOnly"),
  },
  {
    name: "another process has taken the lock",
    reason: /log\.db is in use by another process/,
    prepare: locked,
  },
];

describe.concurrent.each(faults)("while $name", ({ prepare, reason }) => {
  it(
    "nothing is acknowledged, live goes on, health tells, and it heals by itself",
    repeated(async ({ expect, onTestFinished }) => {
      const place = prepare();
      const gateway = new GatewayProcess(settings, place.dataDir);
      onTestFinished(async () => {
        await gateway.dispose();
        place.remove();
      });
      gateway.env = place.env;
      await gateway.start();
      const { pid } = gateway;
      const { epoch } = await readiness(gateway);
      const follower = new Follower(gateway, epoch);
      onTestFinished(() => follower.close());
      const fleet = new Fleet(gateway, 2);
      onTestFinished(() => fleet.close());
      for (let round = 0; round < rounds; round++) {
        const { acknowledged } = fleet;
        const before = acknowledged.size;
        await until("readings are acknowledged", () => acknowledged.size > before + 100);
        await place.cause(gateway);
        await until("health tells why", async () => reason.test((await readiness(gateway)).problems));
        // What was sent before is here after a round trip.
        await readiness(gateway);
        const atFault = acknowledged.size;
        await follower.more(100);
        expect(acknowledged.size).toBe(atFault);
        expect(await readiness(gateway)).toMatchObject({ isReady: false });
        place.cure();
        await until("it is ready again", async () => (await readiness(gateway)).isReady);
        await until("readings are acknowledged again", () => acknowledged.size > atFault + 100);
      }
      await fleet.finish();
      await until("the log is quiet", async () => {
        const { head } = await readiness(gateway);
        await pause(300);
        return (await readiness(gateway)).head === head && follower.seqs.at(-1) === head;
      });
      const stored = await readLog(gateway, epoch);
      const numbers = new Set(stored.values());
      expect([...fleet.acknowledged.keys()].filter((n) => !numbers.has(n))).toEqual([]);
      // Everybody saw everything once, in order, however often devices sent it.
      expect(follower.gaps).toEqual([]);
      expect(follower.seqs).toEqual([...stored.keys()]);
      expect(follower.numbers).toEqual([...stored.values()]);
      expect(numbers.size).toBe(stored.size);
      expect(gateway.pid).toBe(pid);
      expect(await gateway.stop()).toBe(0);
    }),
  );
});
