import { connectAsync, type MqttClient } from "mqtt";
import { describe, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { StreamClient } from "../support/stream-client.ts";
import { repeated } from "./soak.ts";

const rounds = 15;
const publishers = 4;
/** Gateways that are killed side by side: a start is mostly waiting. */
const lanes = 3;

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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function runRound(
  gateway: GatewayProcess,
  acknowledged: Set<number>,
  next: () => number,
  killAfterMs: number,
): Promise<void> {
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
  // From the first acknowledgement on, so that a slow machine is killed in the thick of it too.
  const before = acknowledged.size;
  while (acknowledged.size === before) await pause(1);
  await pause(killAfterMs);
  await gateway.kill();
  // What the socket still holds counts too: those PUBACKs were sent.
  await closed;
  for (const client of clients) client.end(true);
}

/** The seqs in the log, and the seq of each number. */
async function readAll(
  gateway: GatewayProcess,
  epoch: string,
): Promise<{ seqs: number[]; stored: Map<number, number> }> {
  const client = await StreamClient.open(gateway.httpPort);
  client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { cursor: `${epoch}:0` } });
  const head = (
    (await (await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`)).json()) as { head: number }
  ).head;
  const readings = await client.untilReadings(1, head);
  client.close();
  return {
    seqs: readings.map(({ seq }) => seq),
    stored: new Map(readings.map(({ values, seq }) => [values["n"] as number, seq])),
  };
}

describe.concurrent("kill -9 at random moments", () => {
  it.for(Array.from({ length: lanes }, (_, lane) => lane))(
    `loses no acknowledged reading in ${Math.ceil(rounds / lanes)} rounds (lane %i)`,
    (lane, context) =>
      repeated(async ({ expect, onTestFinished, seed }) => {
        const gateway = new GatewayProcess();
        onTestFinished(() => gateway.dispose());
        const random = createRandom(seed + lane);
        const acknowledged = new Set<number>();
        let last = 0;
        let firstEpoch = "";
        for (let round = 0; round < rounds / lanes; round++) {
          await gateway.start();
          const ready = await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`);
          if (firstEpoch === "") firstEpoch = ((await ready.json()) as { epoch: string }).epoch;
          await runRound(gateway, acknowledged, () => ++last, 20 + random.next() * 400);
        }
        await gateway.start();
        const { seqs, stored } = await readAll(gateway, firstEpoch);
        expect(seqs).toEqual(seqs.map((_, index) => index + 1));
        expect([...acknowledged].filter((n) => !stored.has(n))).toEqual([]);
      })(context),
  );
});
