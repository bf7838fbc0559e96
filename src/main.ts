#!/usr/bin/env node
// Only this module ends the process. Everything else is imported after the version check, so that an old Node.js gets a
// sentence and not a crash in the middle of an import.
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`fieldcast needs Node.js 20.19 or newer; this is ${process.versions.node}\n`);
  process.exit(1);
}
// Whoever reads our output may stop reading (`| head`); that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
const { runCommandLine } = await import("./app/command-line.ts");
process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  onSignal: (stop) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stop(signal));
  },
  // process.exit() waits for the threads, and one that waits for a disk that hangs never ends.
  exit: () => process.kill(process.pid, "SIGKILL"),
});
