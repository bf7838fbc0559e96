import { describe, expect, test, vi } from "vitest";
import type { FieldcastError, Reading } from "../../src/client/node.ts";
import { open, range, seqs, startGateway, until } from "./support.ts";

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
    await until(() => errors.length === 3);
    expect(got).toEqual([1, 2, 3]);
    expect(printed).toHaveBeenCalledTimes(3);
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
    expect(errors.map(({ message }) => message)).toEqual([
      "onState threw: Error: a state listener",
      "onSnapshot threw: Error: s",
      "onReading threw: Error: 1",
      "onReading threw: Error: 2",
    ]);
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

  test("a filter that is none is refused before it is sent", async () => {
    const fieldcast = open(await startGateway());
    expect(() => fieldcast.subscribe("gps/#/x")).toThrow("`#` must stand alone");
  });
});
