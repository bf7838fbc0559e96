import { unzipSync } from "node:zlib";
import protobuf from "protobufjs/minimal.js";
import { type JsonObject, maxPayloadBytes } from "./json-payload.ts";
import { type ProtoField, type ProtoMessage, protoField, readProto, repeatedField } from "./protobuf.ts";

/** Deepest nesting of templates; members further down are skipped. */
const maxTemplateDepth = 4;

/** What a payload's `uuid` says when its body is a compressed payload. */
const compressedMark = "SPBV1.0_COMPRESSED";

/** The value fields `int_value` to `string_value`, which stand in this order wherever a value stands. */
const valueKinds = ["uint32", "int64", "float", "double", "bool", "string"] as const;
const valueNames = ["int", "long", "float", "double", "bool", "string"] as const;

function valueFields(first: number): [number, ProtoField][] {
  return valueKinds.map((kind, at) => [first + at, protoField(valueNames[at] as string, kind)]);
}

// sparkplug_b.proto (Sparkplug 3.0, 6.3), without what is not used here: metadata, datasets, files, extensions.
const property: ProtoMessage = new Map(valueFields(3));
const propertySet: ProtoMessage = new Map([
  [1, repeatedField("keys", "string")],
  [2, repeatedField("values", property)],
]);

function metricMessage(depth: number): ProtoMessage {
  const fields: [number, ProtoField][] = [
    [1, protoField("name", "string")],
    [2, protoField("alias", "id64")],
    [3, protoField("timestamp", "uint64")],
    [4, protoField("datatype", "uint32")],
    [5, protoField("isHistorical", "bool")],
    [7, protoField("isNull", "bool")],
    [9, protoField("properties", propertySet)],
    ...valueFields(10),
  ];
  if (depth < maxTemplateDepth) {
    const template: ProtoMessage = new Map([
      [2, repeatedField("metrics", metricMessage(depth + 1))],
      [5, protoField("isDefinition", "bool")],
    ]);
    fields.push([18, protoField("template", template)]);
  }
  return new Map(fields);
}

const payloadMessage: ProtoMessage = new Map([
  [1, protoField("timestamp", "uint64")],
  [2, repeatedField("metrics", metricMessage(0))],
  [3, protoField("seq", "uint64")],
  [4, protoField("uuid", "string")],
  [5, protoField("body", "bytes")],
]);

/** The named fields of a payload, as `readProto` gives them. */
export interface SparkplugPayload {
  /** Epoch milliseconds. */
  readonly timestamp?: number;
  readonly seq?: number;
  readonly metrics?: readonly Metric[];
}

/** A metric as it stands in the payload. */
export interface Metric {
  readonly name?: string;
  readonly alias?: string;
  /** Epoch milliseconds. */
  readonly timestamp?: number;
  readonly datatype?: number;
  readonly isHistorical?: boolean;
  readonly isNull?: boolean;
  readonly properties?: { readonly keys?: readonly string[]; readonly values?: readonly JsonObject[] };
  readonly int?: number;
  readonly long?: number;
  readonly float?: number;
  readonly double?: number;
  readonly bool?: boolean;
  readonly string?: string;
  readonly template?: { readonly metrics?: readonly Metric[]; readonly isDefinition?: boolean };
}

/** Reads a payload, a compressed one too; the reason if it is broken. */
export function readSparkplug(data: Uint8Array): SparkplugPayload | string {
  const payload = readProto(data, payloadMessage);
  if (typeof payload === "string" || payload["uuid"] !== compressedMark)
    return payload as SparkplugPayload | string;
  const body = payload["body"];
  if (!(body instanceof Uint8Array)) return "body: missing in a compressed payload";
  try {
    const inner = readProto(unzipSync(body, { maxOutputLength: maxPayloadBytes }), payloadMessage);
    // The sequence number belongs to the message as it was sent.
    return typeof inner === "string" ? inner : ({ ...inner, ...pick(payload, "seq") } as SparkplugPayload);
  } catch {
    return `body: cannot be decompressed to less than ${maxPayloadBytes} bytes; use DEFLATE or GZIP`;
  }
}

function pick(payload: JsonObject, name: string): JsonObject {
  return payload[name] === undefined ? {} : { [name]: payload[name] };
}

/** The members of a template's instance; none for a definition, whose values are defaults. */
export function membersOf({ template }: Metric): readonly Metric[] {
  return template === undefined || template.isDefinition === true ? [] : (template.metrics ?? []);
}

const unitNames: ReadonlySet<string> = new Set(
  "engunit engunits engineeringunit engineeringunits unit units".split(" "),
);

/** The metric's unit as its property `engUnit` tells it. */
export function unitOf(metric: Metric): string | undefined {
  const unit = propertyOf(metric, (name) => unitNames.has(name))?.["string"];
  return typeof unit === "string" ? unit.trim() : undefined;
}

/** Values of the property `Quality` that say a value is bad or stale. */
const badQualities: ReadonlySet<unknown> = new Set([0, 500]);

/** True if the device itself says that the value is no observation. */
export function isBad(metric: Metric): boolean {
  const quality =
    metric.properties === undefined ? undefined : propertyOf(metric, (name) => name === "quality");
  return quality !== undefined && badQualities.has(quality["int"] ?? quality["long"]);
}

/** Properties are two lists, of names and of values. */
function propertyOf({ properties }: Metric, isMeant: (name: string) => boolean): JsonObject | undefined {
  const at = properties?.keys?.findIndex((name) => isMeant(name.toLowerCase().replace(/[^a-z]/g, ""))) ?? -1;
  return properties?.values?.[at];
}

/** Signed integer datatypes by number, with their bits (Sparkplug 3.0, 6.4.16); they travel as two's complement. */
const signedBits: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [2, 16],
  [3, 32],
  [4, 64],
]);

/** A metric's value as its datatype means it; undefined where there is none. */
export function metricValue(metric: Metric, datatype: number): number | string | boolean | undefined {
  const { int, long, float, double, bool, string } = metric;
  if (metric.isNull === true) return undefined;
  const bits = signedBits.get(datatype);
  if (int !== undefined) return bits === undefined ? int : signed(int, Math.min(bits, 32));
  if (long !== undefined) {
    if (bits === undefined) return long < 0 ? long + 2 ** 64 : long;
    return bits === 64 ? long : signed(long, bits);
  }
  return float === undefined ? (double ?? bool ?? string) : shortest(float);
}

function signed(number: number, bits: number): number {
  return (number << (32 - bits)) >> (32 - bits);
}

/** The shortest decimal that a 32-bit float stands for: 230.1, not 230.10000610351562. */
function shortest(float: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const decimal = Number(float.toPrecision(digits));
    if (Math.fround(decimal) === float) return decimal;
  }
  return float;
}

const booleanType = 11;

/** The payload of a command that asks an edge node for its births. `now` is in epoch milliseconds. */
export function encodeRebirth(now: number): Uint8Array {
  const writer = protobuf.Writer.create();
  // Each tag is the field's number << 3 | wire type.
  writer.uint32((1 << 3) | 0).uint64(now);
  writer.uint32((2 << 3) | 2).fork();
  writer.uint32((1 << 3) | 2).string("Node Control/Rebirth");
  writer.uint32((3 << 3) | 0).uint64(now);
  writer.uint32((4 << 3) | 0).uint32(booleanType);
  writer.uint32((14 << 3) | 0).bool(true);
  return writer.ldelim().finish();
}
