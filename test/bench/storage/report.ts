import { availableParallelism } from "node:os";
import { Child, roleArgs } from "../child.ts";
import { formatNumber, formatTable } from "../table.ts";
import type { StorageAsk, StorageFigures } from "./measure.ts";

const mebibyte = 1024 * 1024;
/** What the storage thread may cost at 20 readings a commit, microseconds a reading. */
const maxStorageUs = 4;

/** What is measured, and how it is called. */
function plan(isQuick: boolean): readonly (readonly [name: string, ask: StorageAsk])[] {
  const maxBytes = (isQuick ? 64 : 256) * mebibyte;
  const readings = isQuick ? 200_000 : 600_000;
  const many = { devices: 2_000, perCommit: 20, maxBytes, readings };
  const large = { devices: 10_000, perCommit: 1_000, maxBytes: (isQuick ? 128 : 1024) * mebibyte, readings };
  return [
    ["fieldcast, 20 a commit", { store: "fieldcast", ...many }],
    // Rows with an index take so long to fill a large ring that theirs is smaller, which is to their favour.
    [
      "rows + index, 20 a commit",
      { store: "rows", ...many, maxBytes: 64 * mebibyte, readings: readings / 4 },
    ],
    ["fieldcast, 1,000 a commit", { store: "fieldcast", ...many, perCommit: 1_000 }],
    [
      "rows + index, 1,000 a commit",
      { store: "rows", ...many, perCommit: 1_000, maxBytes: 64 * mebibyte, readings: readings / 4 },
    ],
    ["fieldcast, 10,000 devices", { store: "fieldcast", ...large }],
  ];
}

/** Measures the SQLite engine beside one row per reading, each in a process of its own. Returns the JSON lines. */
export async function benchStorage(isQuick: boolean): Promise<string[]> {
  process.stdout.write(
    "\n── storage: the engine alone, its ring full, beside SQLite with one row per reading and an index\n",
  );
  const all: (readonly [string, StorageFigures])[] = [];
  for (const [name, ask] of plan(isQuick)) {
    const child = new Child(roleArgs("storage"));
    all.push([name, (await child.request(ask)) as StorageFigures]);
    await child.ended();
  }
  process.stdout.write(`${table(all)}\n${verdict(all)}\n`);
  return all.flatMap(([name, figures]) => lines(name, figures));
}

function table(all: readonly (readonly [string, StorageFigures])[]): string {
  const header = [
    "",
    "µs CPU/reading",
    "main µs",
    "readings/s",
    "kept",
    "MiB file",
    "slowest ms",
    "hour: readings",
    "CPU ms",
    "first",
    "open ms",
  ];
  const rows = all.map(([name, figures]) => [
    name,
    formatNumber(figures.storageUs),
    formatNumber(figures.mainUs),
    formatNumber(Math.round(figures.readingsPerSecond)),
    formatNumber(figures.kept),
    formatNumber(Math.round(figures.fileBytes / mebibyte)),
    formatNumber(figures.slowestCommitMs),
    formatNumber(figures.lastHour?.readings ?? Number.NaN),
    formatNumber(figures.lastHour?.cpuMs ?? Number.NaN),
    formatNumber(figures.lastHour?.firstCpuMs ?? Number.NaN),
    formatNumber(figures.openMs ?? Number.NaN),
  ]);
  return formatTable(header, rows);
}

function verdict(all: readonly (readonly [string, StorageFigures])[]): string {
  const [ours, rows] = all.map(([, { storageUs }]) => storageUs);
  if (ours === undefined || rows === undefined) return "";
  const limit = ours <= maxStorageUs ? "within" : "over";
  return `at 20 a commit: ${formatNumber(ours / rows)} of what rows cost; ${limit} the limit of ${maxStorageUs} µs`;
}

/** One line of JSON per figure, for machines. */
function lines(contestant: string, figures: StorageFigures): string[] {
  const line = (value: number | undefined, unit: string) =>
    JSON.stringify({
      bench: "storage",
      contestant,
      value: Number((value ?? Number.NaN).toPrecision(4)),
      unit,
      node: process.versions.node,
      cores: availableParallelism(),
    });
  const common = [line(figures.storageUs, "µs CPU/reading"), line(figures.readingsPerSecond, "readings/s")];
  if (figures.lastHour === null) return common;
  return [
    ...common,
    line(figures.lastHour.cpuMs, "ms CPU/last hour"),
    line(figures.openMs ?? undefined, "ms to open"),
  ];
}
