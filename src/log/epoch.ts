import { randomInt } from "node:crypto";

const epochLength = 12;

/** A new log's epoch: `[0-9a-z]{12}`, unlikely to be met twice (62 bits). */
export function randomEpoch(): string {
  return Array.from({ length: epochLength }, () => randomInt(36).toString(36)).join("");
}
