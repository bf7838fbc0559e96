import { afterEach, expect, it } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { Hub } from "../../src/stream/hub.ts";
import { defaultStreamOptions } from "../../src/stream/options.ts";
import type { ServerMessage } from "../../src/wire/messages.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";
import { ModelSocket } from "./model-socket.ts";

const open: { close(): void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** A session whose heart is looked after when the test says so. */
async function connect(...filters: string[]) {
  const log = await openTestLog();
  const options = { ...defaultStreamOptions, batchMs: 0 };
  const hub = new Hub(log, options, { now: () => Date.now() });
  const messages: ServerMessage[] = [];
  const socket = new ModelSocket(
    hub,
    "fieldcast.v1.msgpack",
    (message) => messages.push(message),
    () => {},
  );
  open.push(hub, log);
  for (const [index, filter] of filters.entries())
    socket.request({ type: "subscribe", id: index + 1, filter, from: "now" });
  await until(() => messages.filter(({ type }) => type === "subscribed").length === filters.length);
  messages.length = 0;
  /** What the look sent. */
  const look = () => {
    const before = messages.length;
    socket.session.lookAfter();
    return messages.slice(before).map(({ type }) => type);
  };
  return { log, socket, messages, look };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function readings(log: Log, messages: ServerMessage[], device: string): Promise<void> {
  const count = () => messages.filter(({ type }) => type === "readings").length;
  const before = count();
  await append(log, gpsReading(device, {}));
  await until(() => count() > before);
}

it("beats at every second look when nothing else is said", async () => {
  const { look } = await connect("gps/#");
  expect(Array.from({ length: 6 }, look)).toEqual([["heartbeat"], [], ["heartbeat"], [], ["heartbeat"], []]);
});

it("does not beat while the only subscription gets readings, and at the second look after the last", async () => {
  const { log, messages, look } = await connect("gps/#");
  // The first look finds out whom to follow.
  look();
  for (let round = 0; round < 4; round++) {
    await readings(log, messages, "a");
    expect(look()).toEqual([]);
  }
  expect([look(), look(), look()]).toEqual([["heartbeat"], [], ["heartbeat"]]);
});

it("beats for a quiet subscription beside a busy one, with the cursor of both", async () => {
  const { log, messages, look } = await connect("gps/#", "energy/#");
  for (let round = 0; round < 3; round++) {
    await readings(log, messages, "a");
    expect(look()).toEqual(["heartbeat"]);
    expect(messages.at(-1)).toEqual({ type: "heartbeat", cursor: `${log.epoch}:${log.head}` });
    await readings(log, messages, "a");
    expect(look()).toEqual([]);
  }
});

it("beats for a quiet subscription while others get readings", async () => {
  const { log, look } = await connect("energy/#");
  look();
  await append(log, gpsReading("a", {}));
  expect([look(), look()]).toEqual([[], ["heartbeat"]]);
});

it("beats for one that was sent much before it came to the head, as for any other", async () => {
  const { log, socket, messages, look } = await connect("gps/#");
  look();
  await readings(log, messages, "a");
  socket.request({ type: "unsubscribe", id: 1 });
  socket.request({ type: "subscribe", id: 1, filter: "gps/a", from: "now" });
  await until(() => messages.some(({ type }) => type === "subscribed"));
  expect([look(), look(), look()]).toEqual([[], ["heartbeat"], []]);
});
