// What `npm test` runs: everything, in the order in which it fails fastest. The last line is `N passed, N failed`.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs a command with its output shown; ends here if it fails. */
function run(title, command, args) {
  process.stdout.write(`\n── ${title}\n`);
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status === 0) return;
  process.stderr.write(`\n${title} failed${error ? `: ${error.message}` : ""}\n0 passed, 1 failed\n`);
  process.exit(status || 1);
}

/** The end-to-end tests look at the page in a real browser. */
function needChromium() {
  const path = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
  if (existsSync(path)) return;
  const isDebianRoot =
    process.getuid?.() === 0 && existsSync("/usr/bin/apt-get") && !process.env.CHROMIUM_PATH;
  if (isDebianRoot) {
    run("system packages: apt-get update", "apt-get", ["update", "-qq"]);
    run("system packages: chromium", "apt-get", [
      "install",
      "-y",
      "-qq",
      "--no-install-recommends",
      "chromium",
    ]);
    return;
  }
  process.stderr.write(
    `The end-to-end tests need Chromium, and there is none at ${path}.\n` +
      "Install it (Debian: sudo apt-get install chromium) or set CHROMIUM_PATH to an installed one, then run again.\n" +
      "0 passed, 1 failed\n",
  );
  process.exit(1);
}

needChromium();
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
