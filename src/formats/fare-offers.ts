import type { Packet } from "../model/packet.ts";
import type { QuoteParts } from "./fare-quote.ts";
import { readText } from "./fields.ts";
import { isObject, type JsonObject } from "./json-payload.ts";
import { quote } from "./outcome.ts";
import { makeSegment, maxSegments, type Segment } from "./segments.ts";

/** Most offers of one message. */
export const maxOffers = 500;

/** Reads a provider's message into its offers; each is the parts of a quote, or the reason why it is none. */
export type ReadOffers = (payload: JsonObject, packet: Packet) => readonly (QuoteParts | string)[];

/** The providers whose raw offers are read, by their level in `fares/raw/<provider>/…`. */
export const providers: ReadonlyMap<string, ReadOffers> = new Map([
  ["amadeus", readAmadeus],
  ["duffel", readDuffel],
  ["ndc", readNdc],
]);

/**
 * Amadeus Flight Offers Search v2 (`data[]`) and Flight Offers Price v1 (`data.flightOffers[]`). Offer ids count from 1 in each response, so the id of the quote names the
 * response too: route and time of receipt. `lastTicketingDate` is no expiry, and the time of the search is not told.
 */
function readAmadeus(payload: JsonObject, packet: Packet): readonly (QuoteParts | string)[] {
  return offersIn(payload["data"], "flightOffers").map(([raw, path]) => {
    if (!isObject(raw)) return `${path}: ${quote(raw)}; an offer is an object`;
    const price = objectOf(raw["price"]);
    const outward = listIn(objectOf(listIn(raw, "itineraries")[0]), "segments");
    const origin = readText(objectOf(objectOf(outward[0])["departure"])["iataCode"]);
    const destination = readText(objectOf(objectOf(outward.at(-1))["arrival"])["iataCode"]);
    const id = readText(raw["id"]);
    const hasGrandTotal = price["grandTotal"] !== undefined && price["grandTotal"] !== null;
    const totalName = hasGrandTotal ? "grandTotal" : "total";
    return {
      source: "amadeus",
      quoteId: {
        raw: id === undefined ? undefined : `${origin}-${destination}.${packet.receivedAt}.${id}`,
        path: `${path}.id`,
      },
      origin: { raw: origin, path: `${path}.itineraries[0].segments[0].departure.iataCode` },
      destination: { raw: destination, path: `${path}.itineraries[0].segments[].arrival.iataCode` },
      currency: { raw: price["currency"], path: `${path}.price.currency` },
      total: { raw: price[totalName], path: `${path}.price.${totalName}` },
      base: { raw: price["base"], path: `${path}.price.base` },
      tax: { raw: undefined, path: `${path}.price.tax` },
      quotedAt: { raw: undefined, path },
      segments: amadeusSegments(raw),
    };
  });
}

function amadeusSegments(offer: JsonObject): Segment[] {
  const details = new Map<string, JsonObject>();
  const traveler = objectOf(listIn(offer, "travelerPricings")[0]);
  for (const raw of listIn(traveler, "fareDetailsBySegment")) {
    const detail = objectOf(raw);
    const id = readText(detail["segmentId"]);
    if (id !== undefined) details.set(id, detail);
  }
  const segments: Segment[] = [];
  for (const raw of listIn(offer, "itineraries").flatMap((itinerary) =>
    listIn(objectOf(itinerary), "segments"),
  )) {
    const segment = objectOf(raw);
    const departure = objectOf(segment["departure"]);
    const arrival = objectOf(segment["arrival"]);
    const detail = details.get(readText(segment["id"]) ?? "") ?? {};
    segments.push(
      makeSegment({
        carrier: segment["carrierCode"],
        number: segment["number"],
        operating: objectOf(segment["operating"])["carrierCode"],
        from: departure["iataCode"],
        to: arrival["iataCode"],
        departLocal: departure["at"],
        arriveLocal: arrival["at"],
        cabin: readText(detail["cabin"])?.toLowerCase(),
        fareBasis: detail["fareBasis"],
      }),
    );
  }
  return segments;
}

/** Duffel: one offer in `data`, a list of them, or an offer request with `data.offers`. The total is for everybody. */
function readDuffel(payload: JsonObject): readonly (QuoteParts | string)[] {
  return offersIn(payload["data"], "offers").map(([raw, path]) => {
    if (!isObject(raw)) return `${path}: ${quote(raw)}; an offer is an object`;
    const slice = objectOf(listIn(raw, "slices")[0]);
    const isUpdated = readText(raw["updated_at"]) !== undefined;
    const quotedName = isUpdated ? "updated_at" : "created_at";
    const currency = raw["total_currency"];
    return {
      source: "duffel",
      quoteId: { raw: raw["id"], path: `${path}.id` },
      origin: { raw: objectOf(slice["origin"])["iata_code"], path: `${path}.slices[0].origin.iata_code` },
      destination: {
        raw: objectOf(slice["destination"])["iata_code"],
        path: `${path}.slices[0].destination.iata_code`,
      },
      currency: { raw: currency, path: `${path}.total_currency` },
      total: { raw: raw["total_amount"], path: `${path}.total_amount` },
      base: { raw: sameCurrency(raw, "base", currency), path: `${path}.base_amount` },
      tax: { raw: sameCurrency(raw, "tax", currency), path: `${path}.tax_amount` },
      quotedAt: { raw: raw[quotedName], path: `${path}.${quotedName}` },
      expiresAt: { raw: raw["expires_at"], path: `${path}.expires_at` },
      segments: duffelSegments(raw),
    };
  });
}

/** Base and tax have currencies of their own; in another one they cannot stand beside the total. */
function sameCurrency(offer: JsonObject, name: string, currency: unknown): unknown {
  const own = offer[`${name}_currency`];
  return own === undefined || own === null || own === currency ? offer[`${name}_amount`] : undefined;
}

function duffelSegments(offer: JsonObject): Segment[] {
  const segments: Segment[] = [];
  for (const raw of listIn(offer, "slices").flatMap((slice) => listIn(objectOf(slice), "segments"))) {
    const segment = objectOf(raw);
    const origin = objectOf(segment["origin"]);
    const destination = objectOf(segment["destination"]);
    const passenger = objectOf(listIn(segment, "passengers")[0]);
    segments.push(
      makeSegment({
        carrier: objectOf(segment["marketing_carrier"])["iata_code"],
        number: segment["marketing_carrier_flight_number"],
        operating: objectOf(segment["operating_carrier"])["iata_code"],
        from: origin["iata_code"],
        to: destination["iata_code"],
        departLocal: segment["departing_at"],
        departTz: origin["time_zone"],
        arriveLocal: segment["arriving_at"],
        arriveTz: destination["time_zone"],
        cabin: passenger["cabin_class"],
        fareBasis: passenger["fare_basis_code"],
      }),
    );
  }
  return segments;
}

/** NDC offers as XML-to-JSON bridges write them; the route is only in the topic: `fares/raw/ndc/<from>-<to>`. */
function readNdc(payload: JsonObject, packet: Packet): readonly (QuoteParts | string)[] {
  const amount = objectOf(objectOf(payload["totalPrice"])["totalAmount"]);
  const route = /\/([A-Z]{3})-([A-Z]{3})$/.exec(packet.topic);
  const expiry = "offerExpirationTimeLimitDateTime";
  return [
    {
      source: "ndc",
      quoteId: { raw: payload["offerId"], path: "offerId" },
      origin: { raw: route?.[1], path: "topic: origin (fares/raw/ndc/<from>-<to>)" },
      destination: { raw: route?.[2], path: "topic: destination (fares/raw/ndc/<from>-<to>)" },
      currency: { raw: amount["curCode"], path: "totalPrice.totalAmount.curCode" },
      total: { raw: amount["cdata"], path: "totalPrice.totalAmount.cdata" },
      base: { raw: undefined, path: "totalPrice" },
      tax: { raw: undefined, path: "totalPrice" },
      quotedAt: { raw: undefined, path: expiry },
      expiresAt: { raw: payload[expiry], path: expiry },
      segments: [],
    },
  ];
}

/** The offers in `data`: itself, its entries, or the list of this name in it. */
function offersIn(data: unknown, name: string): readonly (readonly [unknown, string])[] {
  const inner = isObject(data) ? data[name] : undefined;
  return Array.isArray(inner) ? listOf(inner, `data.${name}`) : listOf(data, "data");
}

/** The entries of a list (or the one thing that stands in its place) with their paths. */
function listOf(raw: unknown, path: string): readonly (readonly [unknown, string])[] {
  if (!Array.isArray(raw)) return [[raw, path]];
  return raw.slice(0, maxOffers + 1).map((entry, at) => [entry, `${path}[${at}]`]);
}

function listIn(source: JsonObject, name: string): readonly unknown[] {
  const raw = source[name];
  return Array.isArray(raw) ? raw.slice(0, maxSegments + 1) : [];
}

const empty: JsonObject = Object.freeze({});

function objectOf(raw: unknown): JsonObject {
  return isObject(raw) ? raw : empty;
}
