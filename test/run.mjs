// What `npm test` runs: everything, in the order in which it fails fastest. The last line is `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Runs a command with its output shown; ends here if it fails. */
function run(title, command, args) {
  process.stdout.write(`\n── ${title}\n`);
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status === 0) return;
  process.stderr.write(`\n${title} failed${error ? `: ${error.message}` : ""}\n0 passed, 1 failed\n`);
  process.exit(status || 1);
}

/** Programs that tests start, where they are, and the variable that says otherwise. */
const programs = [
  { name: "Chromium", package: "chromium", path: "/usr/bin/chromium", variable: "CHROMIUM_PATH" },
  // An MQTT 5 broker for the bridge: the gateway's own speaks 3.1.1 only.
  { name: "Mosquitto", package: "mosquitto", path: "/usr/sbin/mosquitto", variable: "MOSQUITTO_PATH" },
  // A client of the stream that shares no code with ours.
  { name: "Python 3", package: "python3", path: onPath("python3"), variable: "PYTHON_PATH" },
  // For a disk that fails on demand (test/support/disk.c).
  { name: "A C compiler", package: "gcc libc6-dev", path: onPath("cc"), variable: "CC_PATH" },
];

/** Where a program is found first; where Debian puts it if it is nowhere. */
function onPath(name) {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return folders.map((folder) => join(folder, name)).find(existsSync) ?? join("/usr/bin", name);
}

/** Installs what is missing where that is the custom (root on Debian), else says what to do. */
function needPrograms() {
  const isDebianRoot = process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");
  const missing = programs.filter(({ path, variable }) => !existsSync(process.env[variable] ?? path));
  const installable = missing.filter(({ variable }) => isDebianRoot && !process.env[variable]);
  if (installable.length > 0) {
    run("system packages: apt-get update", "apt-get", ["update", "-qq"]);
    const names = installable.flatMap((program) => program.package.split(" "));
    // RUNLEVEL=1: the broker's package must not start a broker on the gateway's port.
    const install = ["RUNLEVEL=1", "apt-get", "install", "-y", "-qq", "--no-install-recommends", ...names];
    run(`system packages: ${names.join(", ")}`, "env", install);
  }
  const absent = missing.filter((program) => !installable.includes(program));
  if (absent.length === 0) return;
  for (const { name, package: wanted, path, variable } of absent) {
    process.stderr.write(
      `The tests need ${name}, and there is none at ${process.env[variable] ?? path}.\n` +
        `Install it (Debian: sudo apt-get install ${wanted}) or set ${variable} to an installed one, then run again.\n`,
    );
  }
  process.stderr.write("0 passed, 1 failed\n");
  process.exit(1);
}

needPrograms();
run("lint", "npm", ["run", "--silent", "lint"]);
run("types", "npm", ["run", "--silent", "types"]);
run("build", "npm", ["run", "--silent", "build"]);

process.stdout.write("\n── tests\n");
const folder = mkdtempSync(join(tmpdir(), "fieldcast-test-"));
const report = join(folder, "report.json");
const vitest = spawnSync(
  "npx",
  ["vitest", "run", "--reporter=dot", "--reporter=json", `--outputFile.json=${report}`],
  {
    stdio: "inherit",
  },
);
let counts = { passed: 0, failed: 1 };
if (existsSync(report)) {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  // A test that did not run proves nothing, so it counts as failed.
  counts = { passed: numPassedTests, failed: numFailedTests + numPendingTests + numTodoTests };
}
rmSync(folder, { recursive: true, force: true });
// A run that ended badly outside of any test (an unhandled error) must not look green.
if (vitest.status !== 0 && counts.failed === 0) counts.failed = 1;
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed\n`);
process.exit(counts.failed === 0 ? 0 : 1);
