import { describe, expect, it, onTestFinished, vi } from "vitest";
import { systemClock } from "../../src/model/clock.ts";
import type { Command, CommandOutcome } from "../../src/model/command.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { defaultStreamOptions, type StreamOptions } from "../../src/stream/options.ts";
import { type StreamDependencies, startStream } from "../../src/stream/stream.ts";
import { startUws } from "../../src/stream/transports/uws.ts";
import { startWs } from "../../src/stream/transports/ws.ts";
import { subprotocols } from "../../src/wire/messages.ts";
import { openTestLog } from "../support/log.ts";
import { StreamClient } from "../support/stream-client.ts";

/** Devices that answer when the test says so. */
class Devices {
  readonly commands: Command[] = [];
  readonly #waiting: ((outcome: CommandOutcome) => void)[] = [];

  readonly onCommand = (command: Command): Promise<CommandOutcome> => {
    this.commands.push(command);
    return new Promise((resolve) => this.#waiting.push(resolve));
  };

  /** Waits until `count` commands have come. */
  asked(count: number): Promise<void> {
    return vi.waitFor(() => expect(this.commands.length).toBe(count), { timeout: 10_000, interval: 2 });
  }

  answer(nth: number, outcome: CommandOutcome): void {
    this.#waiting[nth]?.(outcome);
  }
}

const transports = [
  { transport: "uws", start: startUws },
  { transport: "ws", start: startWs },
];
const cases = transports.flatMap((one) => subprotocols.map((subprotocol) => ({ ...one, subprotocol })));

describe.each(cases)("commands over $transport, $subprotocol", ({ start, subprotocol }) => {
  async function serve(
    onCommand: StreamDependencies["onCommand"] | null,
    options: Partial<StreamOptions> = {},
  ): Promise<StreamClient> {
    const log = await openTestLog();
    onTestFinished(() => log.close());
    const server = await startStream(start, {
      log,
      clock: systemClock,
      logger: silentLogger,
      http: async () => ({ status: 404 }),
      onPublish: async () => null,
      ...(onCommand && { onCommand }),
      options: { ...defaultStreamOptions, ...options },
      host: "127.0.0.1",
      port: 0,
    });
    onTestFinished(() => server.close(500));
    const client = await StreamClient.open(server.port, subprotocol);
    onTestFinished(() => client.close());
    return client;
  }

  const identify = { type: "command", id: 1, topic: "gps/van-7", command: "identify" };

  it("hands the command on as it was asked, and the device's answer back", async () => {
    const devices = new Devices();
    const client = await serve(devices.onCommand);
    const params = { seconds: 30, more: { note: "ä", list: [1, null, true] } };
    client.send({ ...identify, id: 7, command: "set-interval", params, timeoutMs: 60_000 });
    await devices.asked(1);
    expect(devices.commands[0]).toMatchObject({
      topic: "gps/van-7",
      command: "set-interval",
      params,
      timeoutMs: 60_000,
    });
    const result = { model: "Tracker", uptimeS: 3.5, relays: [true, null], nested: { ä: "€" } };
    devices.answer(0, { result });
    expect(await client.next("answer", 7)).toEqual({ type: "answer", id: 7, result });
  });

  it("answers in the order of the devices, and an id is free after its answer", async () => {
    const devices = new Devices();
    const client = await serve(devices.onCommand);
    client.send(identify);
    client.send({ ...identify, id: 2 });
    client.send({ ...identify, id: 2 });
    expect(await client.next("error", 2)).toMatchObject({ code: "bad-id" });
    devices.answer(1, { result: "second" });
    expect(await client.next("answer", 2)).toMatchObject({ result: "second" });
    devices.answer(0, { code: "no-answer", problem: "gps/van-7 did not answer within 5 ms" });
    expect(await client.next("error", 1)).toEqual({
      type: "error",
      id: 1,
      code: "no-answer",
      message:
        "gps/van-7 did not answer within 5 ms; the device may have done it: see what it does before you send it again",
    });
    client.send(identify);
    await devices.asked(3);
    devices.answer(2, { result: null });
    expect(await client.next("answer", 1)).toEqual({ type: "answer", id: 1, result: null });
  });

  it("refuses a flood at the limit of the connection, and stays open", async () => {
    const devices = new Devices();
    const client = await serve(devices.onCommand, { maxInflightCommands: 3 });
    for (let id = 1; id <= 300; id++) client.send({ ...identify, id });
    await client.next("error", 300);
    expect(devices.commands.length).toBe(3);
    const codes = client.messages.flatMap((message) => (message.type === "error" ? message.code : []));
    expect(codes).toEqual(Array.from({ length: 297 }, () => "too-many-commands"));
    devices.answer(0, { result: null });
    await client.next("answer", 1);
    client.send({ ...identify, id: 400 });
    await devices.asked(4);
  });

  it("survives a client that leaves before the answer", async () => {
    const devices = new Devices();
    const client = await serve(devices.onCommand);
    client.send(identify);
    await devices.asked(1);
    client.close();
    await client.untilClosed();
    devices.answer(0, { result: "nobody is there" });
  });

  it("says so where nobody takes commands", async () => {
    const client = await serve(null);
    client.send(identify);
    expect(await client.next("error", 1)).toMatchObject({ code: "not-supported" });
  });

  it("refuses what is no command", async () => {
    const devices = new Devices();
    const client = await serve(devices.onCommand);
    client.send({ ...identify, topic: "gps/+" });
    expect(await client.next("error", 1)).toMatchObject({ code: "bad-command" });
    expect(devices.commands).toEqual([]);
  });

  if (subprotocol === "fieldcast.v1.json") {
    it("survives params that are nested without end", async () => {
      const client = await serve(new Devices().onCommand);
      const text = JSON.stringify({ ...identify, params: { a: "NEST" } });
      client.sendRaw(text.replace('"NEST"', "[".repeat(30_000) + "]".repeat(30_000)));
      expect(await client.next("error", 1)).toMatchObject({ code: "bad-command" });
    });
  }
});
