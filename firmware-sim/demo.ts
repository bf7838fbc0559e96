#!/usr/bin/env node
import { nodeProblem } from "./node.ts";

const problem = nodeProblem(process.versions.node);
if (problem) {
  console.error(problem);
  process.exit(1);
}
const { runDemo } = await import("./show.ts");
process.exit(await runDemo(process.argv.slice(2), process.env));
