import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { encode } from "@msgpack/msgpack";
import { SqliteEngine } from "../../../src/log/engines/sqlite.ts";
import { openLog } from "../../../src/log/log.ts";
import { silentLogger } from "../../../src/observe/log.ts";
import { FaultyDisk } from "../../support/faulty-disk.ts";
import { Child, LoadProcess } from "../child.ts";
import { FrameReader } from "../load/frames.ts";
import { openSocket } from "../load/socket.ts";
import { clientFrame, HandshakeReader, opcodes, upgradeRequest } from "../load/websocket.ts";
import { formatNumber, formatTable } from "../table.ts";
import type { PiecesAnswer } from "./piece-figures.ts";

const mebibyte = 1024 * 1024;
/** What the main thread may be held up by storage at a time, milliseconds. */
const maxPieceMs = 5;
const maxRingBytes = 64 * mebibyte;
const devices = 500;
const program = fileURLToPath(new URL("../../../src/main.js", import.meta.url));
const hook = new URL("./pieces.js", import.meta.url).href;

interface Gateway {
  readonly child: Child;
  readonly port: number;
  readonly disk: FaultyDisk | null;
}

/** Something that goes on beside the load until `isOver`. */
type Beside = (gateway: Gateway, isOver: () => boolean) => Promise<unknown>;

const besides: readonly (readonly [name: string, beside: Beside])[] = [
  ["nothing else", async () => {}],
  [
    "two exports of everything (NDJSON)",
    (...values) => Promise.all([exportAll(...values), exportAll(...values)]),
  ],
  ["four resume # from far back", (...values) => Promise.all([1, 2, 3, 4].map(() => resume(...values)))],
  ["a backup", backUp],
  ["the disk hangs every other second", hang],
];

/**
 * A gateway under steady load, its ring full, with this and that beside it: how long single pieces of storage's work hold up the
 * main thread. The same with the ring in memory. Returns the JSON lines.
 */
export async function benchBlocking(windowMs: number): Promise<string[]> {
  const lines: string[] = [];
  for (const engine of ["sqlite", "memory"] as const) {
    process.stdout.write(
      `\n── storage-blocking: 4,000 readings/s of ${devices} devices, QoS 1, ring in ${engine}\n`,
    );
    const dataDir = mkdtempSync(join(tmpdir(), "fieldcast-bench-"));
    const disk = engine === "sqlite" ? diskUnder(dataDir) : null;
    try {
      if (engine === "sqlite") await fill(join(dataDir, "log.db"));
      lines.push(...(await measureAll(engine, dataDir, disk, windowMs)));
    } finally {
      disk?.remove();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    }
  }
  return lines;
}

function diskUnder(dataDir: string): FaultyDisk | null {
  try {
    return new FaultyDisk(join(dataDir, "log.db"));
  } catch (error) {
    process.stdout.write(`no disk that hangs: ${(error as Error).message}\n`);
    return null;
  }
}

/** Fills the ring with what the devices might have sent before. */
async function fill(path: string): Promise<void> {
  const engine = new SqliteEngine({ path, maxBytes: maxRingBytes });
  const log = await openLog(engine, {}, { now: Date.now }, silentLogger);
  const from = Date.now() - 3_600_000;
  for (let n = 0; log.oldest === 1; n++) {
    const readings = Array.from({ length: devices }, (_, device) => ({
      domain: "gps" as const,
      device: `dev-${device}`,
      time: from + n * 1_000,
      values: {
        lat: 60 + n / 1e5,
        lon: 24 + device / 1e4,
        speedKmh: n % 90,
        courseDeg: n % 360,
        batteryPct: 50,
      },
    }));
    await log.append({ readings });
  }
  await log.close();
}

async function measureAll(engine: string, dataDir: string, disk: FaultyDisk | null, windowMs: number) {
  const settings = [`dataDir=${dataDir}`, "mqtt.port=0", "http.port=0", `ring.engine=${engine}`];
  const all = [...settings, `ring.maxBytes=${maxRingBytes}`].flatMap((setting) => ["--set", setting]);
  const child = new Child(["--import", hook, program, "serve", ...all], process.execPath, disk?.env);
  const { mqttPort, port } = await child.firstLine(readReadyLine);
  const load = new LoadProcess();
  try {
    const job = {
      port: mqttPort,
      kind: "mqtt",
      qos: 1,
      devices,
      readingsPerSecond: 4_000,
      burst: 4,
    } as const;
    await load.ask("openDevices", job);
    await load.ask("startPublishing", null);
    await sleep(3_000);
    const lines: string[] = [];
    for (const [name, beside] of besides) {
      if (beside === hang && disk === null) continue;
      const report = await measureBeside({ child, port, disk }, beside, windowMs);
      process.stdout.write(`\n${name} (load average ${loadavg()[0]?.toFixed(1)})\n${table(report)}\n`);
      lines.push(line(engine, name, report));
    }
    return lines;
  } finally {
    await load.child.end("SIGKILL");
    await child.end("SIGKILL");
  }
}

function readReadyLine(line: string): { mqttPort: number; port: number } | null {
  const { msg = "", mqtt } = JSON.parse(line) as { msg?: string; mqtt?: string };
  const url = /ready: (http:\S+)/.exec(msg)?.[1];
  return url && mqtt ? { mqttPort: Number(new URL(mqtt).port), port: Number(new URL(url).port) } : null;
}

async function measureBeside(gateway: Gateway, beside: Beside, windowMs: number): Promise<PiecesAnswer> {
  const until = performance.now() + windowMs;
  await gateway.child.request("reset");
  const [report] = await Promise.all([
    sleep(windowMs).then(() => gateway.child.request("report")),
    beside(gateway, () => performance.now() >= until),
  ]);
  await sleep(1_000);
  return report as PiecesAnswer;
}

async function exportAll({ port }: Gateway, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/history?format=ndjson`);
    for await (const _part of response.body ?? []) if (isOver()) break;
  }
}

async function backUp({ port }: Gateway, isOver: () => boolean): Promise<void> {
  for (let n = 0; !isOver(); n++) {
    const made = await fetch(`http://127.0.0.1:${port}/api/v1/backup?name=b${n}`, { method: "POST" });
    const { path } = (await made.json()) as { path?: string };
    // The ring in memory has none.
    if (path === undefined) return;
    rmSync(path);
  }
}

async function hang({ disk }: Gateway, isOver: () => boolean): Promise<void> {
  while (disk && !isOver()) {
    disk.mode = "hangs";
    await sleep(1_000);
    disk.mode = "works";
    await sleep(1_000);
  }
}

/** Asks for everything from the oldest reading on, again every second. */
async function resume({ port }: Gateway, isOver: () => boolean): Promise<void> {
  const socket = await openStream(port);
  const send = (message: object) => socket.write(clientFrame(opcodes.binary, encode(message)));
  for (let id = 1; !isOver(); id++) {
    const { oldest, epoch } = await readiness(port);
    send({ type: "subscribe", id, filter: "#", from: { cursor: `${epoch}:${oldest + 2_000}` } });
    await sleep(1_000);
    send({ type: "unsubscribe", id });
  }
  socket.destroy();
}

/** What it is sent is read and thrown away. */
function openStream(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const handshake = new HandshakeReader();
    const frames = new FrameReader((opcode, payload) => {
      // A copy: the payload is only lent.
      if (opcode === opcodes.ping) socket.write(clientFrame(opcodes.pong, new Uint8Array(payload)));
    });
    let isOpen = false;
    const socket = openSocket(
      port,
      (chunk, end) => {
        const start = isOpen ? 0 : handshake.push(chunk, end);
        if (start < 0) return;
        isOpen = true;
        frames.push(chunk, start, end);
        resolve(socket);
      },
      () => {},
    );
    socket.write(upgradeRequest("/stream", "fieldcast.v1.msgpack"));
  });
}

async function readiness(port: number): Promise<{ oldest: number; epoch: string }> {
  return (await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()) as { oldest: number; epoch: string };
}

function table({ pieces, loop, longestGc }: PiecesAnswer): string {
  const header = ["ms on the main thread", "pieces", "p50", "p99", "max", "with GC"];
  const rows = Object.entries(pieces).map(([name, { count, p50, p99, max, maxWithGc }]) => [
    name,
    formatNumber(count),
    ...[p50, p99, max, maxWithGc].map(formatNumber),
  ]);
  const delay = ["event loop's delay, all causes", "", ...[loop.p50, loop.p99, loop.max].map(formatNumber)];
  return formatTable(header, [...rows, [...delay, `GC ${formatNumber(longestGc)}`]]);
}

function line(engine: string, beside: string, { pieces, loop }: PiecesAnswer): string {
  const longest = Object.values(pieces).reduce((most, { max }) => Math.max(most, max), 0);
  const value = Number(longest.toPrecision(4));
  const loopMs = Number(loop.max.toPrecision(4));
  const isWithin = longest <= maxPieceMs;
  return JSON.stringify({
    bench: "storage-blocking",
    contestant: engine,
    beside,
    value,
    unit: "ms longest piece",
    isWithin,
    loopMs,
  });
}
