import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import type { Log } from "../../src/log/contract.ts";
import { SqliteEngine } from "../../src/log/engines/sqlite.ts";
import { openLog } from "../../src/log/log.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { FaultyDisk } from "../support/faulty-disk.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { Fleet, readiness, until } from "./fleet.ts";
import { isSoak, repeated } from "./soak.ts";

const cuts = isSoak ? 150 : 15;
const sectorBytes = 512;
const headBytes = 22;
const fileNames = ["log.db", "log.db-wal"] as const;

/** What was done to one of the files (disk.c). */
interface Change {
  readonly kind: "w" | "t" | "s";
  readonly file: number;
  /** CLOCK_MONOTONIC, nanoseconds: that of `process.hrtime.bigint()`. */
  readonly at: bigint;
  readonly offset: number;
  readonly bytes: Buffer;
}

function readRecord(path: string): Change[] {
  const record = readFileSync(path);
  const changes: Change[] = [];
  for (let at = 0; at + headBytes <= record.length; ) {
    const kind = String.fromCharCode(record.readUInt8(at)) as Change["kind"];
    const length = record.readUInt32LE(at + 18);
    const bytes = record.subarray(at + headBytes, at + headBytes + length);
    const offset = Number(record.readBigUInt64LE(at + 10));
    changes.push({ kind, file: record.readUInt8(at + 1), at: record.readBigUInt64LE(at + 2), offset, bytes });
    at += headBytes + length;
  }
  return changes;
}

/** A file as it lies on a disk. */
class Image {
  #room = Buffer.alloc(0);
  #length = 0;

  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  write(offset: number, bytes: Buffer): void {
    this.truncate(Math.max(this.#length, offset + bytes.length));
    bytes.copy(this.#room, offset);
  }

  /** Makes it shorter, or longer with zeros. */
  truncate(length: number): void {
    if (length > this.#room.length) {
      const room = Buffer.alloc(2 * length);
      this.bytes.copy(room);
      this.#room = room;
    }
    if (length < this.#length) this.#room.fill(0, length, this.#length);
    this.#length = length;
  }
}

/**
 * What a power cut behind the first `count` changes leaves of a file: everything up to its last fsync, and of what was written
 * since a random part of the sectors, none, or all.
 */
function afterCut(changes: readonly Change[], count: number, file: number, random: () => number): Buffer {
  const own = changes.slice(0, count).filter((change) => change.file === file);
  const synced = own.findLastIndex(({ kind }) => kind === "s");
  const share = [0, 0.5, 0.9, 1][Math.floor(random() * 4)] as number;
  const image = new Image();
  for (const [index, { kind, offset, bytes }] of own.entries()) {
    const isSafe = index <= synced;
    if (kind === "t" && (isSafe || random() < share)) image.truncate(offset);
    if (kind !== "w") continue;
    if (isSafe) image.write(offset, bytes);
    else {
      for (let at = 0; at < bytes.length; at += sectorBytes) {
        if (random() < share) image.write(offset + at, bytes.subarray(at, at + sectorBytes));
      }
    }
  }
  return image.bytes;
}

async function numbersIn(log: Log): Promise<Set<number>> {
  const numbers = new Set<number>();
  for (let at = log.oldest - 1; at < log.head; ) {
    const page = await log.read(at, 256 * 1024);
    if (page.kind === "records") for (const { values } of page.records) numbers.add(Number(values["n"]));
    at = page.kind === "records" ? page.through : page.oldest - 1;
  }
  return numbers;
}

/** Lets a gateway run under load, then cuts the power again and again, at random moments of what it did. */
async function cutPower(durability: string, folder: string) {
  const dataDir = join(folder, "run");
  mkdirSync(dataDir);
  const disk = new FaultyDisk(join(dataDir, "log.db"), { isRecorded: true });
  // Small, so that its pages are used again and its write-ahead log is moved into the file meanwhile.
  const settings = [`ring.durability=${durability}`, "ring.maxBytes=1048576", "ring.gatherMs=1"];
  const gateway = new GatewayProcess(settings, dataDir);
  gateway.env = disk.env;
  const fleet = { all: null as Fleet | null };
  try {
    await gateway.start();
    const { epoch } = await readiness(gateway);
    const all = new Fleet(gateway, 4, { isLive: false, noteChars: 200 });
    fleet.all = all;
    await until("enough is acknowledged", () => all.acknowledged.size > 4_000, 120_000);
    await gateway.kill();
    all.close();
    return { epoch, changes: readRecord(disk.recordPath), acknowledged: new Map(all.acknowledged) };
  } finally {
    fleet.all?.close();
    await gateway.dispose();
    disk.remove();
  }
}

describe.concurrent.each(["power-loss", "process"])("a power cut with durability %s", (durability) => {
  it(
    `loses ${durability === "process" ? "what the disk had not been told to keep" : "nothing acknowledged"}`,
    repeated(async ({ expect, onTestFinished, seed }) => {
      const folder = mkdtempSync(join(tmpdir(), "fieldcast-power-"));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const { epoch, changes, acknowledged } = await cutPower(durability, folder);
      const random = createRandom(seed);
      const first = changes.findIndex(({ at }) => [...acknowledged.values()].some((when) => when <= at));
      let lost = 0;
      for (let cut = 0; cut < cuts; cut++) {
        const count = first + Math.floor(random.next() * (changes.length - first));
        const moment = changes[count - 1]?.at ?? 0n;
        const place = join(folder, `cut-${cut}`);
        mkdirSync(place);
        for (const [file, name] of fileNames.entries()) {
          writeFileSync(
            join(place, name),
            afterCut(changes, count, file, () => random.next()),
          );
        }
        const engine = new SqliteEngine({ path: join(place, "log.db") });
        const log = await openLog(engine, {}, systemClock, silentLogger);
        const stored = await numbersIn(log);
        // What the ring dropped; numbers and seqs are in the same order but for what is under way at a time.
        const oldest = log.oldest === 1 ? 0 : Math.min(...stored) + 100;
        const promised = [...acknowledged].filter(([n, when]) => when <= moment && n >= oldest);
        const missing = promised.filter(([n]) => !stored.has(n)).length;
        lost = Math.max(lost, missing);
        if (durability === "power-loss") {
          expect([cut, missing]).toEqual([cut, 0]);
          expect(log.epochEnd(epoch)).toBe(log.head);
        }
        await log.close();
        rmSync(place, { recursive: true });
      }
      if (isSoak) {
        console.info(
          `${durability}: a cut lost ${lost} of ${acknowledged.size} acknowledged readings at most`,
        );
      }
      // Else the cuts would show nothing of the other mode either.
      if (durability === "process") expect(lost).toBeGreaterThan(0);
    }),
  );
});
