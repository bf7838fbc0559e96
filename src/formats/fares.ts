import type { Decoded, Packet } from "../model/packet.ts";
import { maxOffers, providers } from "./fare-offers.ts";
import { type Amount, type QuoteParts, readQuote } from "./fare-quote.ts";
import { readText } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { isObject, type JsonObject, readJsonObject } from "./json-payload.ts";
import { nothing, outcome, outcomes, quote, reject } from "./outcome.ts";
import { makeSegment, maxSegments, type Segment } from "./segments.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/**
 * Fares: our own quote message on `fares/<source>/<from>-<to>/quote`, and offers as Amadeus, Duffel and NDC bridges
 * write them on `fares/raw/<provider>/…`. Money is integer minor units with the currency's ISO 4217 exponent; amounts
 * come as decimal strings (or minor units), never as JSON numbers with a fraction.
 */
export const fares: Format = {
  name: "fares",
  title: "Fare quotes, Duffel and Amadeus offers",
  topics: ["fares/+/+/quote", "fares/raw/#"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    return (packet) => {
      const payload = readJsonObject(packet.payload);
      if (payload === null) return nothing;
      if (typeof payload === "string") return reject(payload);
      const levels = packet.topic.split("/");
      if (levels[1] === "raw") return readRaw(packet, levels[2] ?? "", payload, zone);
      return readOwn(packet, levels[1] ?? "", payload, zone);
    };
  },
};

function readRaw(packet: Packet, provider: string, payload: JsonObject, zone: TimeZone | null): Decoded {
  const readOffers = providers.get(provider);
  if (readOffers === undefined) {
    return reject(`topic: provider ${quote(provider)} is not one of ${[...providers.keys()].join(", ")}`);
  }
  const offers = readOffers(payload, packet);
  if (offers.length > maxOffers) return reject(`data: more than ${maxOffers} offers; split the message`);
  return outcomes(
    offers.map((parts) => (typeof parts === "string" ? parts : readQuote(parts, packet, zone))),
  );
}

function readOwn(packet: Packet, topicSource: string, payload: JsonObject, zone: TimeZone | null): Decoded {
  const type = payload["type"];
  if (type !== undefined && type !== "fare.quote") return nothing;
  const version = payload["v"];
  if (version !== undefined && version !== 1) return reject(`v: ${quote(version)}; only version 1 is known`);
  const source = readText(payload["source"]) ?? topicSource;
  if (source !== topicSource) {
    return reject(`source: ${quote(source)} is not the source ${quote(topicSource)} of the topic`);
  }
  return outcome(readQuote(ownParts(source, payload), packet, zone));
}

/** An amount's two names and their paths, written out because building names costs more than reading what they name. */
const amounts = {
  total: { decimal: "total", path: "price.total", minor: "totalMinor", minorPath: "price.totalMinor" },
  base: { decimal: "base", path: "price.base", minor: "baseMinor", minorPath: "price.baseMinor" },
  tax: { decimal: "tax", path: "price.tax", minor: "taxMinor", minorPath: "price.taxMinor" },
} as const;

/** An amount as a decimal string, or else as minor units under a name of its own. */
function amountIn(price: JsonObject, names: (typeof amounts)[keyof typeof amounts]): Amount {
  const raw = price[names.decimal];
  const minor = isAbsent(raw) ? price[names.minor] : undefined;
  return isAbsent(minor) ? { raw, path: names.path } : { raw: minor, path: names.minorPath, isMinor: true };
}

function ownParts(source: string, payload: JsonObject): QuoteParts {
  const price = isObject(payload["price"]) ? payload["price"] : {};
  const part = (name: string) => ({ raw: payload[name], path: name });
  return {
    source,
    quoteId: part("quoteId"),
    origin: part("origin"),
    destination: part("destination"),
    currency: { raw: price["currency"], path: "price.currency" },
    total: amountIn(price, amounts.total),
    base: amountIn(price, amounts.base),
    tax: amountIn(price, amounts.tax),
    exponent: { raw: price["exponent"], path: "price.exponent" },
    quotedAt: part("quotedAt"),
    expiresAt: part("expiresAt"),
    segments: ownSegments(payload["slices"]),
  };
}

function isAbsent(raw: unknown): boolean {
  return raw === undefined || raw === null || raw === "";
}

/** All slices' segments in one row; one more than allowed is enough to refuse the quote. */
function ownSegments(slices: unknown): Segment[] {
  if (!Array.isArray(slices)) return [];
  return slices
    .slice(0, maxSegments + 1)
    .flatMap((slice) => (isObject(slice) && Array.isArray(slice["segments"]) ? slice["segments"] : []))
    .slice(0, maxSegments + 1)
    .filter(isObject)
    .map((segment) => makeSegment(segment));
}
