import { currencyExponent } from "../model/currency.ts";
import type { Packet } from "../model/packet.ts";
import { isTime, type Reading, type Values } from "../model/reading.ts";
import { readText } from "./fields.ts";
import { isHostileName } from "./json-payload.ts";
import { readDecimalAmount, readMinorAmount } from "./money.ts";
import { quote } from "./outcome.ts";
import { cabinOf, maxSegments, type Segment, segmentsValue } from "./segments.ts";
import { observedAt, parseTime, writeTime } from "./time.ts";
import type { TimeZone } from "./timezone.ts";

/** A field of a provider's message: what stands there, and its path for a reason. */
interface Part {
  readonly raw: unknown;
  readonly path: string;
}

/** An amount: a decimal string, or integer minor units. */
export interface Amount extends Part {
  readonly isMinor?: boolean;
}

/** What a provider says of one quote, before it is checked. */
export interface QuoteParts {
  readonly source: string;
  readonly quoteId: Part;
  readonly origin: Part;
  readonly destination: Part;
  readonly currency: Part;
  readonly total: Amount;
  readonly base: Amount;
  readonly tax: Amount;
  /** The exponent the message claims; it must be the currency's own. */
  readonly exponent?: Part;
  readonly quotedAt: Part;
  /** Undefined where the provider names no end of the offer. */
  readonly expiresAt?: Part;
  readonly segments: readonly Segment[];
}

/**
 * One quote as a reading of its source, on the channel of its id. Money first: whoever gets that wrong is told so.
 * Returns the reason why it cannot be read otherwise.
 */
export function readQuote(parts: QuoteParts, packet: Packet, zone: TimeZone | null): Reading | string {
  if (isHostileName(parts.source)) return `source: ${quote(parts.source)} is a reserved name; rename it`;
  if (parts.segments.length > maxSegments) return `segments: more than ${maxSegments}; split the journey`;
  const money = readMoney(parts);
  if (typeof money === "string") return money;
  const quoteId = requireText(parts.quoteId);
  if (quoteId === null || isHostileName(quoteId)) return problemOf(parts.quoteId);
  const origin = requireText(parts.origin);
  if (origin === null) return problemOf(parts.origin);
  const destination = requireText(parts.destination);
  if (destination === null) return problemOf(parts.destination);
  const time = observedAt(parts.quotedAt.raw, parts.quotedAt.path, packet.receivedAt, zone);
  if (typeof time === "string") return time;
  const values: Values = { quoteId, origin, destination, ...money.values };
  const cabin = cabinOf(parts.segments);
  if (cabin !== undefined) values["cabin"] = cabin;
  setExpiry(parts.expiresAt?.raw, packet.receivedAt, zone, values);
  if (parts.segments.length > 0) values["segments"] = segmentsValue(parts.segments);
  const reading = { domain: "fare", device: parts.source, channel: quoteId, time, values } as const;
  return money.isSum ? reading : { ...reading, attrs: { sumMismatch: true } };
}

/** The amounts in minor units, and whether base and tax (where both are told) add up to the total. */
function readMoney(parts: QuoteParts): { values: Values; isSum: boolean } | string {
  const currency = readText(parts.currency.raw);
  const exponent = currency === undefined ? undefined : currencyExponent(currency);
  if (currency === undefined || exponent === undefined) {
    return `${parts.currency.path}: ${quote(parts.currency.raw)} is not an ISO 4217 currency code`;
  }
  const claimed = parts.exponent?.raw;
  if (claimed !== undefined && claimed !== null && claimed !== exponent) {
    return `${parts.exponent?.path}: ${quote(claimed)} is not the ${exponent} of ${currency} (ISO 4217)`;
  }
  const read = ({ raw, path, isMinor }: Amount): number | string =>
    isMinor === true ? readMinorAmount(raw, path) : readDecimalAmount(raw, exponent, path);
  const amountMinor = read(parts.total);
  if (typeof amountMinor === "string") return amountMinor;
  const values: Values = { currency, exponent, amountMinor };
  const baseMinor = read(parts.base);
  const taxMinor = read(parts.tax);
  if (typeof baseMinor === "number") values["baseMinor"] = baseMinor;
  if (typeof taxMinor === "number") values["taxMinor"] = taxMinor;
  const isBoth = typeof baseMinor === "number" && typeof taxMinor === "number";
  return { values, isSum: !isBoth || baseMinor + taxMinor === amountMinor };
}

function requireText(part: Part): string | null {
  return readText(part.raw) ?? null;
}

function problemOf(part: Part): string {
  return `${part.path}: ${quote(part.raw)}; a fare needs it as text`;
}

/** A quote is expired or not at the moment it is received. */
function setExpiry(raw: unknown, receivedAt: number, zone: TimeZone | null, values: Values): void {
  if (raw === undefined || raw === null) return;
  const expiresAt = parseTime(raw, zone, receivedAt);
  if (expiresAt === null || !isTime(expiresAt)) return;
  values["expiresAt"] = writeTime(expiresAt);
  values["expired"] = expiresAt <= receivedAt;
}
