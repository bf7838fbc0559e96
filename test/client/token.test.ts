import { describe, expect, test } from "vitest";
import type { FieldcastError, Reading } from "../../src/client/node.ts";
import { expiryOf } from "../../src/client/token.ts";
import type { Gateway } from "./gateway.ts";
import { open, seqs, startGateway, until } from "./support.ts";
import { ManualTime } from "./time.ts";

/** The tokens that the newest connection was told. */
function hellos(gateway: Gateway): (string | undefined)[] {
  return (gateway.peers.at(-1)?.requests ?? []).flatMap((request) =>
    request.type === "hello" ? [request.token] : [],
  );
}

function jwt(expiresAt: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ sub: "straße?>", exp: expiresAt / 1_000 })}.x`;
}

describe("a token", () => {
  test("from a function is asked for at each connection, and requests wait for it", async () => {
    const gateway = await startGateway();
    let asked = 0;
    const fieldcast = open(gateway, {
      token: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        return `token-${++asked}`;
      },
    });
    const got: Reading[] = [];
    fieldcast.subscribe("gps/#", (reading) => got.push(reading));
    await until(() => gateway.peers[0]?.filters.size === 1);
    expect(gateway.peer.requests.map(({ type }) => type)).toEqual(["hello", "subscribe"]);
    gateway.commit("gps/a", { n: 1 });
    await until(() => got.length === 1);
    gateway.peer.drop();
    await until(() => gateway.peers[1]?.filters.size === 1);
    expect(hellos(gateway)).toEqual(["token-2"]);
    gateway.commit("gps/a", { n: 2 });
    await until(() => got.length === 2);
    expect(seqs(got)).toEqual([1, 2]);
  });

  test("that is no longer good is replaced on the living connection, and what was refused is asked again", async () => {
    const gateway = await startGateway();
    let asked = 0;
    const errors: string[] = [];
    const fieldcast = open(gateway, {
      token: () => `token-${++asked}`,
      onError: ({ code }) => errors.push(code),
    });
    await until(() => fieldcast.state === "online");
    gateway.refusal = "unauthorized";
    const got: Reading[] = [];
    fieldcast.subscribe("gps/#", (reading) => got.push(reading));
    fieldcast.subscribe("energy/#", (reading) => got.push(reading));
    await until(() => hellos(gateway).length >= 2);
    gateway.refusal = null;
    await until(() => gateway.peer.filters.size === 2);
    gateway.commit("gps/a", { n: 1 });
    await until(() => got.length === 1);
    expect(gateway.peers).toHaveLength(1);
    expect(new Set(errors)).toEqual(new Set(["unauthorized"]));
  });

  test("is not asked for in a storm while the gateway goes on refusing", async () => {
    const gateway = await startGateway();
    const time = new ManualTime();
    let asked = 0;
    const fieldcast = open(gateway, {
      clock: time,
      timers: time,
      random: () => 0.5,
      backoff: { firstDelayMs: 100, maxDelayMs: 400, stableMs: 5_000 },
      token: () => `token-${++asked}`,
      onError: () => {},
    });
    await until(() => fieldcast.state === "online");
    const refuse = { type: "error", id: null, code: "unauthorized", message: "expired" } as const;
    for (const waitMs of [50, 100, 200, 200]) {
      const before = asked;
      for (let copy = 0; copy < 3; copy++) gateway.peer.send(refuse);
      await until(() => time.delays.includes(waitMs));
      expect(asked).toBe(before);
      time.advance(waitMs);
      await until(() => hellos(gateway).length === before + 1);
    }
  });

  test("that is text and refused ends the client with that reason", async () => {
    const gateway = await startGateway();
    const reasons: (string | undefined)[] = [];
    const fieldcast = open(gateway, { token: "old" });
    fieldcast.onState((_, reason) => reasons.push(reason?.code));
    await until(() => fieldcast.state === "online");
    gateway.peer.send({ type: "error", id: null, code: "unauthorized", message: "expired" });
    await until(() => fieldcast.state === "closed");
    expect(reasons.at(-1)).toBe("unauthorized");
  });

  test("whose function fails or hangs is asked for again, and the error says so", async () => {
    const gateway = await startGateway();
    const time = new ManualTime();
    const errors: FieldcastError[] = [];
    const answers = [
      () => Promise.reject(new Error("the login page is down")),
      () => new Promise<string>(() => {}),
      () => "good",
    ];
    const fieldcast = open(gateway, {
      clock: time,
      timers: time,
      token: () => (answers.shift() as () => string | Promise<string>)(),
      onError: (error) => errors.push(error),
    });
    await until(() => errors.length === 1);
    time.advance(1_000);
    await until(() => answers.length === 1);
    time.advance(10_000);
    await until(() => errors.length === 2);
    time.advance(1_000);
    await until(() => fieldcast.state === "online");
    expect(errors.map(({ code }) => code)).toEqual(["no-token", "no-token"]);
    expect(errors[0]?.message).toContain("the login page is down");
    expect(hellos(gateway)).toEqual(["good"]);
  });

  test("that says when it expires is renewed before that, on the same connection", async () => {
    const gateway = await startGateway();
    gateway.heartbeatMs = 1_000_000;
    const time = new ManualTime();
    const given: string[] = [];
    const fieldcast = open(gateway, {
      clock: time,
      timers: time,
      token: () => {
        given.push(jwt(time.now() + 600_000));
        return given.at(-1) as string;
      },
    });
    await until(() => fieldcast.state === "online");
    time.advance(569_000);
    expect(given).toHaveLength(1);
    time.advance(1_000);
    await until(() => hellos(gateway).length === 2);
    expect(hellos(gateway)).toEqual(given);
    expect(gateway.peers).toHaveLength(1);
    fieldcast.close();
    expect(time.delays).toEqual([]);
  });

  test("says when it expires only if it is a JSON Web Token", () => {
    expect(expiryOf(jwt(1_795_341_600_000))).toBe(1_795_341_600_000);
    for (const other of ["secret", "a.b.c", "", "..", "a.e30.c"]) expect(expiryOf(other)).toBeNull();
  });
});
