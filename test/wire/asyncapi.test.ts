import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeMulti } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createRouter } from "../../src/formats/registry.ts";
import { streamErrors } from "../../src/model/errors.ts";
import { domains } from "../../src/model/reading.ts";
import { subprotocols } from "../../src/wire/messages.ts";
import { parseRequest } from "../../src/wire/requests.ts";
import { type Golden, readGoldens } from "./golden/golden.ts";

type Json = Readonly<Record<string, unknown>>;
interface Message {
  readonly payload: Json;
  readonly examples: readonly { readonly payload: unknown }[];
}
interface Channel {
  readonly address: string;
  readonly messages: Readonly<Record<string, { readonly $ref: string }>>;
}
interface Operation {
  readonly action: string;
  readonly channel: { readonly $ref: string };
  readonly messages?: readonly { readonly $ref: string }[];
}
interface Document {
  readonly asyncapi: string;
  readonly channels: Readonly<Record<string, Channel>>;
  readonly operations: Readonly<Record<string, Operation>>;
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>;
    readonly schemas: Readonly<Record<string, Json>>;
  };
}

const text = readFileSync(join(import.meta.dirname, "../../src/wire/asyncapi.yaml"), "utf8");
const document = parse(text) as Document;
const { messages, schemas } = document.components;

/** Where a `$ref` points to; undefined if nowhere. */
function resolve(ref: string): unknown {
  if (!ref.startsWith("#/")) return undefined;
  const step = (at: unknown, key: string) => (at as Json | undefined)?.[key];
  return ref
    .slice(2)
    .split("/")
    .reduce(step, document as unknown);
}

function refsIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  if ("$ref" in value) return [String(value.$ref)];
  return Object.values(value).flatMap(refsIn);
}

// AsyncAPI schemas are JSON Schema draft 7, whose own place for shared ones is `definitions`.
const definitions = moveRefs(schemas) as Json;

function moveRefs(value: unknown): unknown {
  const moved = JSON.stringify(value).replaceAll("#/components/schemas/", "#/definitions/");
  return JSON.parse(moved) as unknown;
}

/** What is wrong with a value as payload of a message of this name, null if nothing. */
function problemOf(name: string, value: unknown): string | null {
  const payload = moveRefs(messages[name]?.payload) as Json;
  const schema = z.fromJSONSchema({ ...payload, definitions }, { defaultTarget: "draft-7" });
  const result = schema.safeParse(value);
  return result.success ? null : z.prettifyError(result.error);
}

const goldens = readGoldens();

/** A frame as one list of header and bodies, and which message that is. */
function frameOf({ msgpack }: Golden): { name: string; payload: unknown } {
  const items = [...decodeMulti(Buffer.from(msgpack, "hex"))];
  const header = items[0] as readonly number[] | { readonly type: string };
  if (!("type" in header)) {
    const kinds = ["readingsFrame", "topicsFrame", "shapesFrame", "heartbeatFrame"];
    return { name: kinds[header[0] as number] as string, payload: items };
  }
  const isFrame = `${header.type}Frame` in messages;
  return { name: isFrame ? `${header.type}Frame` : header.type, payload: isFrame ? items : header };
}

/** Names of the messages that an operation lists. */
function namesOf(operation: string): string[] {
  return (document.operations[operation]?.messages ?? []).map(({ $ref }) => $ref.split("/").at(-1) as string);
}

describe("the AsyncAPI document", () => {
  it("is of version 3.0 and refers to nothing that is not there", () => {
    expect(document.asyncapi).toBe("3.0.0");
    expect(refsIn(document).filter((ref) => resolve(ref) === undefined)).toEqual([]);
  });

  it("gives operations only messages of their channel", () => {
    const strays = Object.values(document.operations).flatMap(({ channel, messages: listed = [] }) =>
      listed.filter(({ $ref }) => !$ref.startsWith(`${channel.$ref}/messages/`)),
    );
    expect(strays).toEqual([]);
  });

  it.each([
    { channel: "streamJson", operations: ["takeJsonRequest", "sendJsonMessage"] },
    { channel: "streamMsgpack", operations: ["takeMsgpackRequest", "sendMsgpackFrame"] },
  ])("lists each message of $channel in an operation", ({ channel, operations }) => {
    const known = Object.keys(document.channels[channel]?.messages ?? {});
    expect(operations.flatMap(namesOf).toSorted()).toEqual(known.toSorted());
  });

  it("names the subprotocols, the error codes and the domains that there are", () => {
    for (const subprotocol of subprotocols) expect(text).toContain(`const: ${subprotocol}`);
    const code = resolve("#/components/schemas/Error/properties/code") as { enum: string[] };
    expect(code.enum.toSorted()).toEqual(Object.keys(streamErrors).toSorted());
    const domain = resolve("#/channels/telemetry/parameters/domain") as { enum: string[] };
    expect(domain.enum).toEqual([...domains]);
  });
});

describe("every golden message is as its schema says", () => {
  it.each(goldens.filter(({ json }) => json !== null))("$name in JSON", (golden) => {
    const type = (golden.message as { type: string }).type;
    expect(namesOf(golden.from === "server" ? "sendJsonMessage" : "takeJsonRequest")).toContain(type);
    expect(problemOf(type, JSON.parse(golden.json as string))).toBeNull();
  });

  it.each(goldens.filter(({ from }) => from === "server"))("$name in MessagePack", (golden) => {
    const { name, payload } = frameOf(golden);
    expect(namesOf("sendMsgpackFrame")).toContain(name);
    expect(problemOf(name, payload)).toBeNull();
  });
});

describe("every example is as its schema says", () => {
  it.each(Object.keys(messages))("%s", (name) => {
    const { examples = [] } = messages[name] ?? {};
    expect(examples.length).toBeGreaterThan(0);
    expect(examples.flatMap(({ payload }) => problemOf(name, payload) ?? [])).toEqual([]);
  });

  it.each(namesOf("takeJsonRequest"))("the gateway reads the example of %s", (name) => {
    for (const { payload } of messages[name]?.examples ?? []) {
      expect(parseRequest(JSON.stringify(payload))).toMatchObject({ type: name });
    }
  });

  it("the gateway reads the example of telemetry", () => {
    const topic = "telemetry/gps/van-7";
    const route = createRouter({})(topic);
    expect(route?.name).toBe("native");
    for (const { payload } of messages["telemetry"]?.examples ?? []) {
      const bytes = new TextEncoder().encode(JSON.stringify(payload));
      const receivedAt = Date.UTC(2026, 10, 22, 10);
      const outcome = route?.decode({ topic, payload: bytes, receivedAt, client: "device" });
      expect(outcome?.rejected).toBeNull();
      expect(outcome?.readings).toHaveLength(1);
    }
  });
});

describe("the schemas refuse", () => {
  it.each([
    ["a field that is missing", "ack", { type: "ack" }],
    ["a field that does not exist", "ack", { type: "ack", id: 1, more: true }],
    ["another type", "ack", { type: "nack", id: 1 }],
    ["an id out of range", "unsubscribe", { type: "unsubscribe", id: 65_536 }],
    ["an unknown error code", "error", { type: "error", id: 1, code: "oops", message: "" }],
    ["a box of three", "subscribe", { type: "subscribe", id: 1, filter: "#", bbox: [1, 2, 3] }],
    [
      "a reading without a time",
      "readings",
      { type: "readings", id: 1, cursor: "a:1", readings: [{ seq: 1, topic: "a", values: {} }] },
    ],
    ["a frame of another kind", "topicsFrame", [[2], [1, "a"]]],
    [
      "a body that is too short",
      "readingsFrame",
      [
        [0, 1, 5],
        [5, 1, 4],
      ],
    ],
    ["bodies behind a heartbeat", "heartbeatFrame", [[3], [1]]],
  ])("%s", (_what, name, value) => {
    expect(problemOf(name, value)).not.toBeNull();
  });
});
