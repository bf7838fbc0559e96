// Appends as fast as it is acknowledged, writes each acknowledged number to stdout, until it is killed.
// Plain JavaScript on the compiled log, because Node 20 cannot run the sources.
import { SqliteEngine } from "../../dist/src/log/engines/sqlite.js";
import { openLog } from "../../dist/src/log/log.js";
import { silentLogger } from "../../dist/src/observe/log.js";

const [path, durability, maxGatheredBytes] = process.argv.slice(2);
const engine = new SqliteEngine({ path, durability, maxGatheredBytes: Number(maxGatheredBytes) });
const options = { latestCheckpointMs: 15 };
const log = await openLog(engine, options, { now: () => Date.now() }, silentLogger);

const fields = ["lat", "speedKmh", "note"];
async function follow(lane) {
  for (let round = 0; ; round++) {
    const n = log.head;
    const values = { n, lane, [fields[round % 3]]: round / 8 };
    // Every third reading is late, so that latest depends on more than the last one.
    const time = Date.now() - (round % 3 === 0 ? 60_000 : 0);
    const reading = { domain: "gps", device: `d${(round + lane) % 7}`, time, values };
    const id = `${process.pid}-${lane}-${round}`;
    await log.append({ readings: [{ ...reading, values: { ...values, id } }, reading] });
    process.stdout.write(`${id}\n`);
  }
}
await Promise.all([0, 1, 2, 3].map(follow));
