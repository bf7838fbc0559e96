import { describe, expect, test, vi } from "vitest";
import { SafeCalls } from "../../src/client/errors.ts";
import type { FieldcastError, Reading } from "../../src/client/node.ts";
import { open, range, seqs, startGateway, until } from "./support.ts";
import { ManualTime } from "./time.ts";

describe("callbacks that throw", () => {
  test("do not break the stream, async ones neither", async () => {
    const printed = vi.spyOn(console, "error").mockImplementation(() => {});
    const gateway = await startGateway();
    const errors: FieldcastError[] = [];
    const got: number[] = [];
    open(gateway).subscribe("gps/#", {
      from: "now",
      onReading: async ({ seq }) => {
        got.push(seq);
        if (seq === 2) await Promise.reject(new Error("later"));
        throw new Error("at once");
      },
      onError: (error) => {
        errors.push(error);
        throw new Error("this one too");
      },
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 3);
    await until(() => got.length === 3);
    await until(() => errors.length === 2);
    expect(errors.map(({ message }) => message)).toEqual([
      "onReading threw: Error: at once",
      expect.stringMatching(/^onReading threw 2 times more within a second, the last time: Error: /),
    ]);
    expect(got).toEqual([1, 2, 3]);
    expect(printed).toHaveBeenCalledTimes(2);
    printed.mockRestore();
    expect(errors.every(({ code, cause }) => code === "callback-threw" && cause instanceof Error)).toBe(true);
  });

  test("synchronously", async () => {
    const gateway = await startGateway();
    const errors: FieldcastError[] = [];
    const got: number[] = [];
    const fieldcast = open(gateway, { onError: (error) => errors.push(error) });
    fieldcast.onState(() => {
      throw new Error("a state listener");
    });
    const fail = (what: string) => {
      throw new Error(what);
    };
    fieldcast.subscribe("gps/#", {
      onReading: ({ seq }) => fail(`${got.push(seq)}`),
      onSnapshot: () => fail("s"),
    });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 2);
    await until(() => got.length === 2);
    await until(() => errors.length === 4);
    expect(errors.map(({ message }) => message)).toEqual([
      "onState threw: Error: a state listener",
      "onSnapshot threw: Error: s",
      "onReading threw: Error: 1",
      "onReading threw once more within a second, the last time: Error: 2",
    ]);
  });

  test("again and again are reported once a second, none of them uncounted", () => {
    const time = new ManualTime();
    const messages: string[] = [];
    const calls = new SafeCalls(({ message }) => messages.push(message), time);
    const fail = (times: number) => {
      for (let n = 1; n <= times; n++) {
        calls.call("onReading", () => {
          throw new Error(`${n}`);
        });
      }
    };
    fail(500);
    expect(messages).toEqual(["onReading threw: Error: 1"]);
    time.advance(1_000);
    expect(messages).toHaveLength(2);
    expect(messages[1]).toBe("onReading threw 499 times more within a second, the last time: Error: 500");
    time.advance(10_000);
    expect(messages).toHaveLength(2);
    fail(1);
    expect(messages[2]).toBe("onReading threw: Error: 1");
    time.advance(10_000);
    expect(messages).toHaveLength(3);
    expect(time.delays).toEqual([]);
  });
});

describe("errors of the gateway", () => {
  test("that may pass are retried with a fresh id", async () => {
    const gateway = await startGateway();
    gateway.refusal = "log-unavailable";
    const errors: FieldcastError[] = [];
    const got: Reading[] = [];
    open(gateway).subscribe("gps/#", {
      onReading: (reading) => got.push(reading),
      onError: (error) => errors.push(error),
    });
    await until(() => errors.length >= 3);
    gateway.refusal = null;
    gateway.commit("gps/a", { n: 1 });
    await until(() => got.length === 1);
    expect(errors[0]).toMatchObject({ code: "log-unavailable", again: true, message: "refused by the test" });
    expect(errors[0]?.help).toContain("/readyz");
    const ids = gateway.peer.subscribes.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("in mid-stream are retried from the cursor", async () => {
    const gateway = await startGateway();
    const got: Reading[] = [];
    open(gateway).subscribe("gps/#", { onReading: (reading) => got.push(reading), onError: () => {} });
    await until(() => gateway.peers[0]?.filters.size === 1);
    gateway.commitMany("gps/a", 3);
    const id = gateway.peer.subscribes[0]?.id as number;
    gateway.peer.filters.delete(id);
    gateway.peer.send({ type: "error", id, code: "log-unavailable", message: "a page could not be read" });
    gateway.commitMany("gps/a", 3);
    await until(() => got.length === 6);
    expect(seqs(got)).toEqual(range(1, 6));
  });

  test("that will not pass end the subscription, and only it", async () => {
    const gateway = await startGateway();
    gateway.refusal = "too-many-subscriptions";
    const errors: FieldcastError[] = [];
    const fieldcast = open(gateway);
    fieldcast.subscribe("gps/#", { onReading: () => {}, onError: (error) => errors.push(error) });
    await until(() => errors.length === 1);
    const iterator = fieldcast.subscribe("gps/#")[Symbol.asyncIterator]();
    await expect(iterator.next()).rejects.toMatchObject({ code: "too-many-subscriptions", again: false });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    gateway.refusal = null;
    const got: Reading[] = [];
    fieldcast.subscribe("gps/#", (reading) => got.push(reading));
    await until(() => gateway.peer.filters.size === 1);
    gateway.commit("gps/a", { n: 1 });
    await until(() => got.length === 1);
    expect(gateway.peer.subscribes).toHaveLength(3);
  });

  test("that a newer gateway invents end the subscription too", async () => {
    const gateway = await startGateway();
    gateway.refusal = "out-of-tea" as "bad-from";
    const errors: FieldcastError[] = [];
    open(gateway).subscribe("gps/#", { onReading: () => {}, onError: (error) => errors.push(error) });
    await until(() => errors.length === 1);
    expect(errors[0]).toMatchObject({ code: "out-of-tea", again: false, message: "refused by the test" });
  });

  test("without an id go to the client's listener", async () => {
    const gateway = await startGateway();
    const errors: FieldcastError[] = [];
    const fieldcast = open(gateway, { onError: (error) => errors.push(error) });
    await until(() => fieldcast.state === "online");
    gateway.peer.send({ type: "error", id: null, code: "bad-message", message: "not readable" });
    await until(() => errors.length === 1);
    expect(errors[0]?.code).toBe("bad-message");
  });

  test("arguments in another order are refused with a sentence", async () => {
    const fieldcast = open(await startGateway());
    const subscribe = fieldcast.subscribe as unknown as (...args: unknown[]) => void;
    const callback = () => {};
    for (const [args, problem] of [
      [["gps/#", callback, { from: "now" }], "the callback comes last, after the options"],
      [["gps/#", callback, callback], "the callback comes last, after the options"],
      [["gps/#", { from: "now" }, { onGap: callback }], "the callback is a function"],
      [["gps/#", "now"], "the options are an object"],
      [[callback, "gps/#"], 'the filter comes first, as text such as "gps/#"'],
      [[], 'the filter comes first, as text such as "gps/#"'],
    ] as const) {
      expect(() => subscribe(...args)).toThrow(
        new TypeError(`subscribe(filter, options, callback): ${problem}`),
      );
    }
  });

  test("a filter that is none is refused before it is sent", async () => {
    const fieldcast = open(await startGateway());
    expect(() => fieldcast.subscribe("gps/#/x")).toThrow("`#` must stand alone");
  });
});
