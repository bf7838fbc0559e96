import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { MemoryEngine } from "../../src/log/engines/memory.ts";
import { openLog } from "../../src/log/log.ts";
import { defaultRingOptions } from "../../src/log/options.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { Dictionary, decodeBinaryFrame, decodeJsonFrame } from "../../src/wire/frames.ts";
import type { ClientMessage, PublishMessage, ServerMessage } from "../../src/wire/messages.ts";
import { parseRequest } from "../../src/wire/requests.ts";
import {
  encodeFrame,
  encodeRequest,
  type Golden,
  newestGoldens,
  publishedBytes,
  readGoldens,
} from "./golden/golden.ts";

const goldens = readGoldens();
const newest = newestGoldens(goldens);
const ofServer = ({ from }: Golden) => from === "server";
const ofClient = ({ from }: Golden) => from === "client";

/** Records, so that the compiler asks for a golden when a message is added. */
const serverTypes: Readonly<Record<ServerMessage["type"], true>> = {
  welcome: true,
  subscribed: true,
  snapshot: true,
  readings: true,
  gap: true,
  replay: true,
  view: true,
  ack: true,
  answer: true,
  heartbeat: true,
  error: true,
};
const clientTypes: Readonly<Record<ClientMessage["type"], true>> = {
  hello: true,
  subscribe: true,
  update: true,
  unsubscribe: true,
  publish: true,
  command: true,
};

let log: Log;
beforeAll(async () => {
  // The epoch of the golden `welcome`.
  const engine = new MemoryEngine(defaultRingOptions, () => "k3v9q0x7m2ta");
  log = await openLog(engine, {}, systemClock, silentLogger);
});
afterAll(() => log.close());

/** What a client knows after the frames that `golden` builds on. */
function dictionaryBefore(golden: Golden): Dictionary {
  const dictionary = new Dictionary();
  for (const name of golden.after) {
    const before = goldens.find((one) => one.name === name);
    if (!before) throw new Error(`${golden.name}: there is no golden file ${name}.json`);
    decodeBinaryFrame(bytesOf(before), dictionary);
  }
  return dictionary;
}

function bytesOf({ msgpack }: Golden): Uint8Array {
  return Uint8Array.from(Buffer.from(msgpack, "hex"));
}

/** The request that the gateway makes of a client's message: times as numbers, a payload as bytes. */
function requestOf(golden: Golden): object {
  const message = golden.message as ClientMessage;
  if ((message.type === "subscribe" || message.type === "update") && typeof message.from === "object") {
    const { from } = message;
    return "time" in from ? { ...message, from: { time: new Date(from.time).getTime() } } : message;
  }
  if (message.type !== "publish") return message;
  return { ...message, payload: publishedBytes(golden) ?? textBytes(message) };
}

function textBytes({ payload }: PublishMessage): Uint8Array {
  return new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload));
}

describe("every message has golden bytes", () => {
  it.each(Object.keys(serverTypes))("%s, from the server", (type) => {
    expect(newest.filter(ofServer).map(({ message }) => message?.type)).toContain(type);
  });
  it.each(Object.keys(clientTypes))("%s, from the client", (type) => {
    expect(newest.filter(ofClient).map(({ message }) => message?.type)).toContain(type);
  });
});

describe("today's encoder makes the newest golden bytes", () => {
  it.each(newest.filter(ofServer))("$name", (golden) => {
    const { json, msgpack } = golden;
    expect(encodeFrame(golden, dictionaryBefore(golden), log)).toEqual({ json, msgpack });
  });
  it.each(newest.filter(ofClient))("$name", (golden) => {
    const { json, msgpack } = golden;
    expect(encodeRequest(golden)).toEqual({ json, msgpack });
  });
});

describe("today's decoder reads golden bytes of every age", () => {
  it.each(goldens.filter(ofServer))("$name in MessagePack", (golden) => {
    const dictionary = dictionaryBefore(golden);
    expect(decodeBinaryFrame(bytesOf(golden), dictionary)).toEqual(golden.message);
    for (const [id, name] of golden.topics ?? []) expect(dictionary.topics.get(id)).toBe(name);
    for (const [id, names, decimals] of golden.shapes ?? []) {
      expect(dictionary.shapes.get(id)).toEqual({ id, names, decimals });
    }
  });
  it.each(goldens.filter(({ from, json }) => from === "server" && json !== null))(
    "$name in JSON",
    ({ json, message }) => {
      expect(decodeJsonFrame(json as string)).toEqual(message);
    },
  );
  it.each(goldens.filter(ofClient))("$name in MessagePack", (golden) => {
    expect(parseRequest(bytesOf(golden))).toEqual(requestOf(golden));
  });
  it.each(goldens.filter(({ from, json }) => from === "client" && json !== null))(
    "$name in JSON",
    (golden) => {
      expect(parseRequest(golden.json as string)).toEqual(requestOf(golden));
    },
  );
});
