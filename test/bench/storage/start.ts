import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Child, LoadProcess, roleArgs } from "../child.ts";
import { cpuSeconds } from "../cpu.ts";
import { formatNumber, formatTable } from "../table.ts";
import { EngineStore } from "./measure.ts";
import { Readings } from "./readings.ts";

const mebibyte = 1024 * 1024;
/** What a gateway may need until it is ready, however large its ring. */
const maxReadyMs = 3_000;
const devices = 10_000;
const perCommit = 1_000;
/** Readings of four hundred bytes: what counts for opening is how many bytes, blocks and segments there are. */
const padBytes = 340;
/** The first is a log that is not there yet. */
const ringMebibytes = [0, 100, 1_000, 10_000];
const program = fileURLToPath(new URL("../../../src/main.js", import.meta.url));

interface FillAsk {
  readonly path: string;
  readonly maxBytes: number;
}

interface StartFigures {
  readonly fileBytes: number;
  readonly walBytes: number;
  /** From the start of the process, milliseconds. */
  readonly readyMs: number;
  /** CPU seconds of the process until then. */
  readonly cpuSeconds: number;
  readonly isCold: boolean;
}

/**
 * How long a gateway takes from the start of its process until `/readyz` says yes, with full rings of several sizes, after a clean stop
 * and after `kill -9` under load, its write-ahead log at full size. Needs twelve gigabytes under the temporary folder. Returns JSON lines.
 */
export async function benchStart(isQuick: boolean): Promise<string[]> {
  process.stdout.write(`\n── storage-start: ms until /readyz, ${devices} devices, ring full\n`);
  const rows: string[][] = [];
  const lines: string[] = [];
  for (const size of isQuick ? ringMebibytes.slice(0, 2) : ringMebibytes) {
    const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-bench-"));
    try {
      if (size === 0) {
        rows.push(["no log yet", ...cells(await measureStart(dataDir, mebibyte, true))]);
        rows.push(["empty", ...cells(await measureStart(dataDir, mebibyte, false))]);
        continue;
      }
      const maxBytes = size * mebibyte;
      const child = new Child(roleArgs("storage-fill"));
      await child.request({ path: join(dataDir, "log.db"), maxBytes });
      await child.ended();
      for (const how of ["after a clean stop", "after kill -9 under load"]) {
        for (const wantsCold of [true, false]) {
          if (how !== "after a clean stop") await killUnderLoad(dataDir, maxBytes);
          const figures = await measureStart(dataDir, maxBytes, wantsCold);
          rows.push([`${formatNumber(size)} MiB, ${how}`, ...cells(figures)]);
          lines.push(line(`${size} MiB, ${how}`, figures));
        }
      }
    } finally {
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    }
  }
  const header = ["", "MiB file", "MiB WAL", "ms to /readyz", "CPU s", "cache", "load average"];
  process.stdout.write(`${formatTable(header, rows)}\n`);
  return lines;
}

/** The process that fills a ring, and dies as a gateway does. */
export function runFillWorker(): void {
  process.on("message", async ({ path, maxBytes }: FillAsk) => {
    const store = new EngineStore(path, maxBytes);
    const readings = new Readings(devices, perCommit, padBytes);
    await store.open();
    await store.introduce(readings);
    while (store.oldest === 1) await store.commit(readings.next());
    await store.close();
    process.send?.({ answer: null });
    process.disconnect();
  });
}

async function measureStart(dataDir: string, maxBytes: number, wantsCold: boolean): Promise<StartFigures> {
  const path = join(dataDir, "log.db");
  const walBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  const isCold = wantsCold && dropCaches();
  const startedAt = performance.now();
  const { child, port } = await startGateway(dataDir, maxBytes);
  for (;;) {
    const { ok } = await fetch(`http://127.0.0.1:${port}/readyz`);
    if (ok) break;
    await sleep(5);
  }
  const readyMs = performance.now() - startedAt;
  const cpu = cpuSeconds(child.pid);
  await child.end("SIGTERM");
  return { fileBytes: statSync(path).size, walBytes, readyMs, cpuSeconds: cpu, isCold };
}

/** Lets it take load until the write-ahead log was at its largest, then kills it. */
async function killUnderLoad(dataDir: string, maxBytes: number): Promise<void> {
  const { child, mqttPort } = await startGateway(dataDir, maxBytes);
  const load = new LoadProcess();
  const job = {
    port: mqttPort,
    kind: "mqtt",
    qos: 1,
    devices: 100,
    readingsPerSecond: 5_000,
    burst: 50,
  } as const;
  await load.ask("openDevices", job);
  await load.ask("startPublishing", null);
  await sleep(8_000);
  await load.child.end("SIGKILL");
  await child.end("SIGKILL");
}

async function startGateway(dataDir: string, maxBytes: number) {
  const settings = [`dataDir=${dataDir}`, "mqtt.port=0", "http.port=0", `ring.maxBytes=${maxBytes}`];
  const child = new Child([program, "serve", ...settings.flatMap((setting) => ["--set", setting])]);
  const ports = await child.firstLine(readReadyLine);
  return { child, ...ports };
}

function readReadyLine(line: string): { mqttPort: number; port: number } | null {
  const { msg = "", mqtt } = JSON.parse(line) as { msg?: string; mqtt?: string };
  const url = /ready: (http:\S+)/.exec(msg)?.[1];
  return url && mqtt ? { mqttPort: Number(new URL(mqtt).port), port: Number(new URL(url).port) } : null;
}

/** Empties the system's cache of files, which only root may; returns whether it did. */
function dropCaches(): boolean {
  spawnSync("sync");
  try {
    // https://docs.kernel.org/admin-guide/sysctl/vm.html#drop-caches
    writeFileSync("/proc/sys/vm/drop_caches", "3");
    return true;
  } catch {
    return false;
  }
}

function cells({ fileBytes, walBytes, readyMs, cpuSeconds, isCold }: StartFigures): string[] {
  const sizes = [fileBytes, walBytes].map((bytes) => formatNumber(bytes / mebibyte));
  return [
    ...sizes,
    formatNumber(Math.round(readyMs)),
    formatNumber(cpuSeconds),
    isCold ? "cold" : "warm",
    (loadavg()[0] ?? 0).toFixed(1),
  ];
}

function line(contestant: string, { readyMs, isCold }: StartFigures): string {
  const value = Math.round(readyMs);
  const isWithin = readyMs <= maxReadyMs;
  return JSON.stringify({
    bench: "storage-start",
    contestant,
    value,
    unit: "ms until /readyz",
    isWithin,
    isCold,
  });
}
