import { createHash } from "node:crypto";
import type { Log } from "../log/contract.ts";
import { BadParameter } from "./parameters.ts";

/** Parameters that may differ from page to page. */
const free: ReadonlySet<string> = new Set(["cursor", "limit", "format"]);

/**
 * A place in an answer that comes in pages, as text for the client: the log's epoch, what was asked for, and whole numbers.
 * It holds nothing that lives in this process, so it is as good after a restart.
 */
export function formatPageToken(
  epoch: string,
  query: URLSearchParams,
  numbers: readonly (number | null)[],
): string {
  return [epoch, signatureOf(query), ...numbers.map((number) => number ?? "")].join(".");
}

/**
 * Undoes `formatPageToken`.
 * @throws BadParameter if it is none, of another log, or of a request that asked for something else
 */
export function readPageToken(
  token: string,
  log: Pick<Log, "epochEnd">,
  query: URLSearchParams,
  count: number,
): (number | null)[] {
  const again = "leave it out to start with the first page";
  const [tokenEpoch, signature, ...texts] = token.split(".");
  const isToken = texts.length === count && texts.every((text) => /^(-?\d{1,16})?$/.test(text));
  if (!isToken) throw new BadParameter("cursor", `it is not one that this gateway gave; ${again}`);
  if (tokenEpoch === undefined || log.epochEnd(tokenEpoch) === null)
    throw new BadParameter("cursor", `the log that it belongs to is gone; ${again}`);
  if (signature !== signatureOf(query)) {
    throw new BadParameter(
      "cursor",
      `it belongs to another request; give the other parameters as they were, or ${again}`,
    );
  }
  return texts.map((text) => (text === "" ? null : Number(text)));
}

/** What must be the same on every page, in a few characters. */
function signatureOf(query: URLSearchParams): string {
  const kept = [...query]
    .filter(([name]) => !free.has(name))
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(kept)).digest("hex").slice(0, 10);
}
