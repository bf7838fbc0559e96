import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Why this machine's processes cannot be measured, null if they can. */
export function accountingProblem(): string | null {
  if (existsSync("/proc/self/stat")) return null;
  return "CPU time is read from /proc, which this system does not have; run the bench on Linux";
}

/** CPU seconds of a server's processes and of all processes that they have started, which are still there. */
export function cpuSecondsOfAll(roots: readonly number[]): number {
  return withChildren(roots).reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

/** Resident memory in KB of a server's processes and of all that they have started. */
export function residentKbOfAll(roots: readonly number[]): number {
  return withChildren(roots).reduce((sum, pid) => sum + residentKb(pid), 0);
}

/** `roots` and their descendants, by field 4 of `/proc/<pid>/stat` (not every kernel keeps `children`). */
export function withChildren(roots: readonly number[]): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(name));
  }
  const found = new Set(roots);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

function parentOf(pid: string): number {
  try {
    return Number(statFields(pid)[1]);
  } catch {
    return 0; // It has ended meanwhile.
  }
}

/** The fields of `/proc/<pid>/stat` from the third on: the second is the name in parentheses and may hold spaces. */
function statFields(pid: number | string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** CPU seconds of each thread of a process, by thread id; the id of the main thread is that of the process. */
export function threadCpuSeconds(pid: number): ReadonlyMap<number, number> {
  if (!hasSchedstat) return new Map();
  const threads = new Map<number, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const account = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
    threads.set(Number(thread), Number(account.split(" ", 1)[0]) / 1e9);
  }
  return threads;
}

/**
 * CPU seconds that all threads of a process have used, user and system together. From the scheduler's own account of
 * each thread (`/proc/<pid>/task/<tid>/schedstat`, nanoseconds): it is the sum that `/proc/<pid>/stat` rounds to ticks of
 * 10 ms, too coarse for a short window. Where the kernel keeps no such account, from `stat`.
 */
export function cpuSeconds(pid: number): number {
  if (!hasSchedstat) return tickSeconds(pid);
  let seconds = 0;
  for (const used of threadCpuSeconds(pid).values()) seconds += used;
  return seconds;
}

const hasSchedstat = existsSync("/proc/self/schedstat");
let ticksPerSecond = 0;

/** The same from fields 14 and 15 of `/proc/<pid>/stat` (`man 5 proc`), in ticks. */
export function tickSeconds(pid: number): number {
  ticksPerSecond ||= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  const fields = statFields(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process in KB (`VmRSS`). */
export function residentKb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

/** The most resident memory that a process has had, in KB (`VmHWM`). */
export function peakResidentKb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
}

/** How many files a process of this user may have open. Node.js has raised the soft limit to the hard one at its start. */
export function openFilesLimit(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}
