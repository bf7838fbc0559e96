import { convert, readNumber } from "./fields.ts";

const isoDuration =
  /^([+-]?)P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d+)?)S)?)?$/;

const maxChars = 64;

/**
 * The seconds of an ISO 8601 duration such as `PT85S` or `-PT1M30S`, or of a plain number of seconds. `undefined` where
 * there is none or it is no good; years and months have no fixed length and must be 0.
 */
export function readDurationS(raw: unknown): number | undefined {
  if (typeof raw === "string" && raw.includes("P")) return parseDurationS(raw.trim());
  const seconds = readNumber(raw);
  return seconds !== undefined && Number.isFinite(seconds) ? convert(seconds, 1) : undefined;
}

function parseDurationS(text: string): number | undefined {
  const match = text.length > maxChars ? null : isoDuration.exec(text);
  if (match === null) return undefined;
  const part = (at: number) => (match[at] === undefined ? 0 : Number(match[at].replace(",", ".")));
  if (part(2) !== 0 || part(3) !== 0) return undefined;
  const days = part(4) * 7 + part(5);
  const seconds = ((days * 24 + part(6)) * 60 + part(7)) * 60 + part(8);
  return convert(seconds, match[1] === "-" ? -1 : 1);
}
