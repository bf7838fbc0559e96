import { createHmac } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { type Clock, type SteadyClock, steadyClock, systemClock } from "../../src/model/clock.ts";
import { isoTime, type Reading, type Values } from "../../src/model/reading.ts";
import { Webhook, type WebhookSettings } from "../../src/notify/webhook.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { open } from "../log/harness.ts";
import { sqliteIn, temporaryFolder } from "../log/place.ts";
import { openTestLog } from "../support/log.ts";

const secret = "a secret that is long enough";

interface Received {
  readonly body: string;
  readonly delivery: string;
  readonly signature: string;
}

/** A receiver that answers with the statuses in turn, 0 being none at all, then with 204. */
async function receiver(statuses: readonly number[] = []) {
  const left = [...statuses];
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat((await request.toArray()) as Buffer[]).toString();
    const { "fieldcast-delivery": delivery, "fieldcast-signature": signature } = request.headers;
    received.push({ body, delivery: String(delivery), signature: String(signature) });
    const status = left.shift() ?? 204;
    if (status === 0) request.socket.destroy();
    else response.writeHead(status, { location: "/elsewhere" }).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

/** A receiver that takes what comes and never says a word. */
async function silentReceiver() {
  const server = createServer((request) => void request.resume());
  let asked = 0;
  server.on("request", () => asked++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked: () => asked };
}

async function openLog(...options: Parameters<typeof openTestLog>): Promise<Log> {
  const log = await openTestLog(...options);
  onTestFinished(() => log.close());
  return log;
}

function start(
  log: Log,
  url: string,
  more: Partial<WebhookSettings> = {},
  saved?: ConstructorParameters<typeof Webhook>[1],
  clocks: { readonly clock: Clock; readonly steady: SteadyClock } = {
    clock: systemClock,
    steady: steadyClock,
  },
) {
  const settings = {
    name: "duty",
    url,
    secret,
    filter: "alerts/#",
    states: ["firing", "resolved"],
    timeoutS: 5,
    giveUpH: 1,
    ...more,
  };
  const retry = { firstDelayMs: 5, maxDelayMs: 20 };
  const dependencies = { log, ...clocks, logger: silentLogger, random: () => 0.5, retry };
  const webhook = new Webhook(settings, saved, dependencies);
  onTestFinished(() => webhook.close());
  return webhook;
}

function alert(n: number, values: Values = {}): Reading {
  return {
    domain: "alerts",
    device: `rules/r/m-${n}`,
    time: n,
    values: { state: "firing", value: n, ...values },
  };
}

const numbersOf = (received: readonly Received[]) =>
  received.map(({ body }) => (JSON.parse(body) as { values: { value: number } }).values.value);

it("sends what matches, signed, in order, and again until it is taken", async () => {
  const log = await openLog();
  const { url, received } = await receiver([500, 0, 429, 302, 404]);
  const webhook = start(log, url);
  await log.append({
    readings: [
      alert(1),
      alert(2, { state: "pending" }),
      alert(3, { state: "resolved", firedAt: null }),
      { domain: "watches", device: "w", time: 1, values: { state: "firing", value: 4 } },
      alert(5, { state: "resolved", firedAt: "2026-11-22T10:00:00.000Z" }),
    ],
  });
  await expect.poll(() => webhook.figures().delivered).toBe(2);
  expect(numbersOf(received)).toEqual([1, 1, 1, 1, 1, 1, 5]);
  expect(new Set(received.map(({ delivery }) => delivery)).size).toBe(2);
  for (const { body, signature, delivery } of received) {
    const [, seconds = "", hash] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
    expect(Math.abs(Number(seconds) - Date.now() / 1_000)).toBeLessThan(60);
    expect(createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex")).toBe(hash);
    expect((JSON.parse(body) as { delivery: string }).delivery).toBe(delivery);
  }
  expect(webhook.figures()).toMatchObject({ failed: 5, dropped: 0, problem: null });
  await expect.poll(() => webhook.figures().lag).toBe(0);
});

it("drops what the receiver will never take, and what is too old", async () => {
  const log = await openLog();
  const { url, received } = await receiver([422]);
  const webhook = start(log, url);
  await log.append({ readings: [alert(1), alert(2)] });
  await expect.poll(() => webhook.figures()).toMatchObject({ delivered: 1, dropped: 1 });
  expect(numbersOf(received)).toEqual([1, 2]);
  const other = await receiver([503, 503]);
  const impatient = start(log, other.url, { name: "impatient", giveUpH: 1e-9 });
  await log.append({ readings: [alert(3), alert(4), alert(5)] });
  await expect.poll(() => impatient.figures()).toMatchObject({ delivered: 1, dropped: 2 });
});

/** Clocks that a test moves, each by itself. */
function movedClocks() {
  const time = { wall: Date.now(), passed: 0 };
  return { time, clock: { now: () => time.wall }, steady: { passedMs: () => time.passed } };
}

it("gives up after the time that has passed, whatever the system's clock was set to meanwhile", async () => {
  const log = await openLog();
  const { url, received } = await receiver(Array.from({ length: 8 }, () => 503));
  const { time, ...clocks } = movedClocks();
  const webhook = start(log, url, {}, undefined, clocks);
  await log.append({ readings: [alert(1)] });
  await expect.poll(() => received.length).toBeGreaterThan(0);
  time.wall += 48 * 3_600_000;
  await expect.poll(() => webhook.figures()).toMatchObject({ delivered: 1, dropped: 0, failed: 8 });

  const away = start(log, "http://127.0.0.1:1/", { name: "away" }, undefined, clocks);
  await log.append({ readings: [alert(2)] });
  await expect.poll(() => away.figures().failed).toBeGreaterThan(1);
  time.wall -= 96 * 3_600_000;
  time.passed += 1_800_000;
  await log.append({ readings: [alert(3)] });
  time.passed += 1_800_000;
  await expect.poll(() => away.figures()).toMatchObject({ dropped: 1, lag: 1 });
  time.passed += 1_800_000;
  await expect.poll(() => away.figures()).toMatchObject({ dropped: 2, lag: 0 });
});

it("counts what was stored before the start by the time at which it was stored", async () => {
  const log = await openLog();
  await log.append({ readings: [alert(1), alert(2)] });
  const saved = { name: "webhook:away", seq: 0, time: 0, state: null };
  const { time, ...clocks } = movedClocks();
  time.wall += 3_000_000;
  const away = start(log, "http://127.0.0.1:1/", { name: "away" }, saved, clocks);
  await expect.poll(() => away.figures().failed).toBeGreaterThan(1);
  expect(away.figures().dropped).toBe(0);
  time.passed += 700_000;
  await expect.poll(() => away.figures()).toMatchObject({ dropped: 2, lag: 0 });
});

it("goes on where it was, and does not wait for a receiver that is away when it closes", async () => {
  const log = await openLog();
  const { url, received } = await receiver();
  const first = start(log, url);
  await log.append({ readings: [alert(1)] });
  await expect.poll(() => first.figures().delivered).toBe(1);
  await first.close();
  const away = start(log, "http://127.0.0.1:1/", { name: "away" });
  await log.append({ readings: [alert(2)] });
  await expect.poll(() => away.figures().failed).toBeGreaterThan(1);
  expect(away.figures().problem).toContain("fetch failed");
  await away.close();
  expect(away.figures()).toMatchObject({ delivered: 0, lag: 1 });
  const again = start(log, url, {}, { name: "webhook:duty", seq: 1, time: 0, state: null });
  await expect.poll(() => again.figures().delivered).toBe(1);
  expect(numbersOf(received)).toEqual([1, 2]);
});

/** What rules tell of an alert at a time: `firedAt` is null unless it fired. */
function course(state: string, seconds: number, firedAt: number | null): Reading {
  const values = { state, firedAt: firedAt === null ? null : isoTime(firedAt * 1_000) };
  return { domain: "alerts", device: "rules/r/m", time: seconds * 1_000, values };
}

const statesOf = (received: readonly Received[]) =>
  received.map(({ body }) => {
    const { time, values } = JSON.parse(body) as { time: string; values: { state: string } };
    return `${values.state} ${Date.parse(time) / 1_000}`;
  });

it("tells that an alert is over which a late reading takes back, after a restart too", async () => {
  const folder = await temporaryFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { url, received } = await receiver();
  const before = await open(sqliteIn(folder));
  const first = start(before, url);
  await before.append({ readings: [course("pending", 50, null), course("firing", 60, 60)] });
  await expect.poll(() => first.figures().delivered).toBe(1);
  await first.close();
  await before.close();
  const log = await open(sqliteIn(folder));
  const second = start(log, url, {}, log.progress()[0]);
  // A reading for 55 was late: by then it was over, and nothing fired at 60, for which this is told again. Of the others that were
  // over before they fired, nobody was told.
  await log.append({
    readings: [
      course("resolved", 55, null),
      course("resolved", 60, null),
      course("pending", 70, null),
      course("resolved", 75, null),
      course("firing", 90, 90),
      course("resolved", 95, 90),
      course("resolved", 99, null),
    ],
  });
  await expect.poll(() => second.figures().lag).toBe(0);
  await second.close();
  await log.close();
  expect(statesOf(received)).toEqual(["firing 60", "resolved 60", "firing 90", "resolved 95"]);
});

it("tells that an alert does not fire yet of which it told that it does, and what becomes of it", async () => {
  const log = await openLog();
  const { url, received } = await receiver();
  const webhook = start(log, url);
  await log.append({
    readings: [
      course("pending", 50, null),
      course("firing", 60, 60),
      // It was back meanwhile, as a late reading shows, and has held since 58 only.
      course("resolved", 55, null),
      course("pending", 58, null),
      course("pending", 60, null),
      course("firing", 68, 68),
      course("pending", 68, null),
      course("resolved", 70, null),
      course("pending", 80, null),
    ],
  });
  await expect.poll(() => webhook.figures().lag).toBe(0);
  await webhook.close();
  expect(statesOf(received)).toEqual(["firing 60", "pending 60", "firing 68", "pending 68", "resolved 70"]);
});

it("gives a reading that is sent again after a crash the same delivery, and another one another", async () => {
  const folder = await temporaryFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { url, received } = await receiver();
  const before = await open(sqliteIn(folder));
  const first = start(before, url);
  // The same is said twice: it fired, was taken back, and fired after all.
  await before.append({ readings: [alert(1), alert(2), alert(1)] });
  await expect.poll(() => first.figures().delivered).toBe(3);
  await first.close();
  await before.close();
  const after = await open(sqliteIn(folder));
  // As if it had crashed before its place was stored.
  const second = start(after, url, {}, { name: "webhook:duty", seq: 0, time: 0, state: null });
  await expect.poll(() => second.figures().delivered).toBe(3);
  await second.close();
  await after.close();
  const deliveries = received.map(({ delivery }) => delivery);
  expect(new Set(deliveries).size).toBe(3);
  expect(deliveries.slice(3)).toEqual(deliveries.slice(0, 3));
});

it("holds up nobody while its receiver is silent, asks again after its time is over, and ends at once", async () => {
  const log = await openLog();
  const silent = await silentReceiver();
  const { url, received } = await receiver();
  const waiting = start(log, silent.url, { name: "waiting", timeoutS: 0.2 });
  const other = start(log, url);
  await log.append({ readings: [alert(1)] });
  await expect.poll(() => silent.asked()).toBeGreaterThan(0);
  for (let n = 2; n <= 50; n++) await log.append({ readings: [alert(n)] });
  await expect.poll(() => other.figures().delivered).toBe(50);
  expect(numbersOf(received)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
  await expect.poll(() => silent.asked()).toBeGreaterThan(2);
  expect(waiting.figures()).toMatchObject({ delivered: 0, dropped: 0 });
  const patient = start(log, silent.url, { name: "patient", timeoutS: 600 });
  await log.append({ readings: [alert(51)] });
  const askedBefore = silent.asked();
  await expect.poll(() => silent.asked()).toBeGreaterThan(askedBefore);
  await patient.close();
  expect(patient.figures()).toMatchObject({ delivered: 0, failed: 0 });
});

it("goes on with what the ring still has when its receiver was away for too long", async () => {
  const log = await openLog(
    { tailBytes: 1_000, tailRecords: 5, latestCheckpointBytes: 1 },
    { maxBytes: 2_000 },
  );
  const { url, received } = await receiver(Array.from({ length: 60 }, () => 503));
  const webhook = start(log, url);
  await log.append({ readings: [alert(1)] });
  await expect.poll(() => webhook.figures().failed).toBeGreaterThan(0);
  for (let n = 1; n < 400; n += 21) {
    await log.append({ readings: Array.from({ length: 21 }, (_, index) => alert(n + 1 + index)) });
  }
  expect(webhook.figures().delivered).toBe(0);
  await expect.poll(() => webhook.figures().lag, { timeout: 10_000 }).toBe(0);
  expect(webhook.figures().problem).toBeNull();
  const numbers = numbersOf(received);
  expect(numbers.at(-1)).toBe(400);
  expect(new Set(numbers).size).toBeLessThan(200);
  expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
});

it("remembers a bounded number of alerts that stand", async () => {
  const log = await openLog();
  const { url } = await receiver();
  const webhook = start(log, url);
  const firing = (n: number) => {
    const { values, ...rest } = course("firing", 60, 60);
    return { ...rest, device: `rules/r/m-${n}`, values };
  };
  await log.append({ readings: Array.from({ length: 1_200 }, (_, n) => firing(n)) });
  await expect.poll(() => webhook.figures().delivered, { timeout: 20_000 }).toBe(1_200);
  const back = (n: number) => ({ ...firing(n), values: { state: "resolved", firedAt: null } });
  await log.append({ readings: [back(0), back(199), back(200), back(1_199)] });
  await expect.poll(() => webhook.figures().lag).toBe(0);
  // The 200 that were sent first are forgotten.
  expect(webhook.figures().delivered).toBe(1_202);
});
