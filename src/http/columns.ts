import type { Log } from "../log/contract.ts";
import { BadParameter } from "./parameters.ts";
import type { Turns } from "./turns.ts";

/** Most columns of a table. */
export const maxColumns = 1_000;
/** Topics looked at without a pause. */
const topicsAtOnce = 1_000;

/**
 * The fields that the topics of a filter have in latest, sorted by name: the columns of a table that is written before its rows
 * are known.
 * @throws BadParameter if they are too many
 */
export async function fieldsOf(log: Log, turns: Turns, filter: string): Promise<readonly string[]> {
  const names = new Set<string>();
  let after: number | null = 0;
  while (after !== null) {
    await turns.next();
    const page = log.latestPage(filter, after, topicsAtOnce);
    for (const { values } of page.entries) for (const name of Object.keys(values)) names.add(name);
    if (names.size > maxColumns) {
      throw new BadParameter(
        "fields",
        `the topics have more than ${maxColumns} different fields; name those that you want`,
      );
    }
    after = page.next;
  }
  return [...names].sort();
}
