import { quote } from "./outcome.ts";

const decimalAmount = /^(\d{1,16})(?:\.(\d{1,16}))?$/;

/**
 * A decimal string as integer minor units: "71.00" with exponent 2 is 7100. Zero decimals beyond the exponent are
 * tolerated. A reason for anything else; a JSON number above all, because a float has lost the exact amount.
 */
export function readDecimalAmount(raw: unknown, exponent: number, path: string): number | string {
  if (typeof raw === "number") {
    return `${path}: the JSON number ${quote(raw)} is not exact; send a decimal string or integer minor units`;
  }
  const match = typeof raw === "string" ? decimalAmount.exec(raw.trim()) : null;
  if (match === null) return `${path}: ${quote(raw)} is not an amount; send a decimal string like "71.00"`;
  const fraction = match[2] ?? "";
  if (/[1-9]/.test(fraction.slice(exponent))) {
    return `${path}: ${quote(raw)} has more than the currency's ${exponent} decimals`;
  }
  return checkMinor(Number(`${match[1]}${fraction.slice(0, exponent).padEnd(exponent, "0")}`), raw, path);
}

/** Integer minor units, as a JSON integer or a string of digits; a reason for anything else. */
export function readMinorAmount(raw: unknown, path: string): number | string {
  const isDigits = typeof raw === "string" && /^\d{1,17}$/.test(raw.trim());
  return checkMinor(isDigits ? Number(raw) : raw, raw, path);
}

function checkMinor(minor: unknown, raw: unknown, path: string): number | string {
  if (typeof minor === "number" && Number.isSafeInteger(minor) && minor >= 0) return minor + 0;
  return `${path}: ${quote(raw)} is not a whole number of minor units from 0 to ${Number.MAX_SAFE_INTEGER}`;
}
