#!/usr/bin/env node
import { nodeProblem } from "./node.ts";

// Checked before the rest is loaded: on an old Node.js even the imports would fail, with a stack trace.
const problem = nodeProblem(process.versions.node);
if (problem) {
  console.error(problem);
  process.exit(1);
}
const { runCommand } = await import("./command.ts");
process.exit(await runCommand(process.argv));
