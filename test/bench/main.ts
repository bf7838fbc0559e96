import { type Baseline, baselines, runBaseline } from "./baselines/run.ts";
import { runBench } from "./bench.ts";
import { runFormatsWorker } from "./formats.ts";
import { runInsightsWorker } from "./insights.ts";
import { runLoadWorker } from "./load/worker.ts";
import { runStorageWorker } from "./storage/measure.ts";
import { runFillWorker } from "./storage/start.ts";

// One program for all processes of the bench: `--role` is how it starts itself.
const [flag, role, ...rest] = process.argv.slice(2);
if (flag !== "--role") process.exitCode = await runBench(process.argv.slice(2));
else if (role === "load") runLoadWorker();
else if (role === "formats") runFormatsWorker();
else if (role === "insights") runInsightsWorker();
else if (role === "storage") runStorageWorker();
else if (role === "storage-fill") runFillWorker();
else if (rest.length === 1 && isBaseline(role)) await runBaseline(role, Number(rest[0]));
else throw new Error(`there is no role ${role}`);

function isBaseline(name: string | undefined): name is Baseline {
  return baselines.some((known) => known === name);
}
