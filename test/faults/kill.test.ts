import { connectAsync, type MqttClient } from "mqtt";
import { afterEach, expect, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { StreamClient } from "../support/stream-client.ts";

const rounds = Number(process.env["FIELDCAST_KILL_ROUNDS"] ?? 15);
const seed = Number(process.env["FIELDCAST_KILL_SEED"] ?? 20_261_122);
const publishers = 4;

let gateway: GatewayProcess;
afterEach(() => gateway.dispose());

/** Publishes numbered readings at QoS 1 as fast as they are taken, and notes which were acknowledged. */
function publishUntilCut(
  client: MqttClient,
  device: string,
  next: () => number,
  acknowledged: Set<number>,
): void {
  const publishOne = () => {
    const n = next();
    const payload = JSON.stringify({ lat: 60.17, lon: 24.94, n });
    client.publish(`telemetry/gps/${device}`, payload, { qos: 1 }, (error) => {
      if (error) return;
      acknowledged.add(n);
      publishOne();
    });
  };
  for (let window = 0; window < 20; window++) publishOne();
}

async function runRound(acknowledged: Set<number>, next: () => number, killAfterMs: number): Promise<void> {
  const clients = await Promise.all(
    Array.from({ length: publishers }, async (_, index) => {
      const url = `mqtt://127.0.0.1:${gateway.mqttPort}`;
      const client = await connectAsync(url, { reconnectPeriod: 0, clientId: `load-${index}` });
      client.on("error", () => {});
      publishUntilCut(client, `van-${index}`, next, acknowledged);
      return client;
    }),
  );
  const closed = Promise.all(
    clients.map((client) => new Promise<void>((resolve) => client.once("close", () => resolve()))),
  );
  await new Promise((resolve) => setTimeout(resolve, killAfterMs));
  await gateway.kill();
  // What the socket still holds counts too: those PUBACKs were sent.
  await closed;
  for (const client of clients) client.end(true);
}

async function readAll(): Promise<Map<number, number>> {
  const client = await StreamClient.open(gateway.httpPort);
  const { epoch } = await client.next("welcome");
  client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { cursor: `${epoch}:0` } });
  const head = (
    (await (await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`)).json()) as { head: number }
  ).head;
  const readings = await client.untilReadings(1, head);
  client.close();
  expect(readings.map(({ seq }) => seq)).toEqual(Array.from({ length: head }, (_, index) => index + 1));
  return new Map(readings.map(({ values, seq }) => [values["n"] as number, seq]));
}

it(`loses no acknowledged reading in ${rounds} rounds of kill -9 at random moments (seed ${seed})`, async () => {
  gateway = new GatewayProcess();
  const random = createRandom(seed);
  const acknowledged = new Set<number>();
  let last = 0;
  const epochs = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    await gateway.start();
    const ready = (await (await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`)).json()) as {
      epoch: string;
    };
    epochs.add(ready.epoch);
    const before = acknowledged.size;
    await runRound(acknowledged, () => ++last, 20 + random.next() * 400);
    expect(acknowledged.size).toBeGreaterThan(before);
  }
  await gateway.start();
  const stored = await readAll();
  const missing = [...acknowledged].filter((n) => !stored.has(n));
  expect(missing).toEqual([]);
  expect(epochs.size).toBe(1);
});
