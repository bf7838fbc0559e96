import { connect as connectMqtt, type MqttClient } from "mqtt";
import { describe, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import { connect, type Fieldcast, type Reading } from "../../src/client/node.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { StreamClient } from "../support/stream-client.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

/** How often the client is cut off in each of the ways. */
const rounds = 2;
const seed = 4_711;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface Publishing {
  isDone: boolean;
  /** Readings that are acknowledged. */
  count: number;
}

/** Publishes numbered readings until it is done, and waits for their acknowledgements. */
async function publish(client: MqttClient, publishing: Publishing, paceMs: number): Promise<void> {
  const perStep = 50;
  for (let n = 0; !publishing.isDone; n += perStep) {
    const step = Array.from({ length: perStep }, (_, k) =>
      client.publishAsync(
        `telemetry/gps/van-${k % 9}`,
        JSON.stringify({ lat: 60.17, lon: 24.94, n: n + k }),
        { qos: 1 },
      ),
    );
    await Promise.all(step);
    publishing.count += perStep;
    await pause(paceMs);
  }
}

/** Cuts the client off again and again, in three ways, and lets readings be published in between. */
async function harass(gateway: GatewayProcess, proxy: TcpProxy, publishing: Publishing): Promise<void> {
  const random = createRandom(seed);
  const ways = [
    async () => {
      await gateway.kill();
      await gateway.start();
    },
    async () => {
      proxy.cut();
    },
    async () => {
      proxy.goSilent();
      // Longer than the client believes in a silent connection.
      await pause(1_500);
      proxy.recover();
    },
  ];
  for (let step = 0; step < rounds * ways.length; step++) {
    const before = publishing.count;
    while (publishing.count === before) await pause(10);
    await ways[step % ways.length]?.();
    await pause(100 + random.next() * 400);
  }
}

async function wholeLog(gateway: GatewayProcess): Promise<number[]> {
  const client = await StreamClient.open(gateway.httpPort);
  const { epoch } = await client.next("welcome");
  const ready = (await (await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`)).json()) as {
    head: number;
  };
  client.send({ type: "subscribe", id: 1, filter: "gps/#", from: { cursor: `${epoch}:0` } });
  const readings = await client.untilReadings(1, ready.head);
  client.close();
  return readings.map(({ seq }) => seq);
}

// Side by side: most of the time each of them waits.
describe.concurrent.each(["uws", "ws"])("over the %s transport", (transport) => {
  it.for(["msgpack", "json"] as const)(
    "a %s client that is cut off again and again gets each reading once, in order",
    async (protocol, { expect, onTestFinished }) => {
      const gateway = new GatewayProcess([`transport=${transport}`, "stream.heartbeatMs=300"]);
      onTestFinished(() => gateway.dispose());
      await gateway.start();
      const proxy = await TcpProxy.open(() => gateway.httpPort);
      onTestFinished(() => proxy.close());
      const received: Reading[] = [];
      const gaps: unknown[] = [];
      const fieldcast: Fieldcast = connect(`ws://127.0.0.1:${proxy.port}/stream`, {
        protocol,
        backoff: { maxDelayMs: 500 },
      });
      onTestFinished(() => fieldcast.close());
      await new Promise<void>((resolve) => {
        const stop = fieldcast.onState((state) => {
          if (state !== "online") return;
          stop();
          resolve();
        });
      });
      fieldcast.subscribe(
        "gps/#",
        { from: { cursor: `${await epochOf(gateway)}:0` }, onGap: (gap) => gaps.push(gap) },
        (reading) => {
          received.push(reading);
        },
      );
      const device = connectMqtt(`mqtt://127.0.0.1:${gateway.mqttPort}`, {
        reconnectPeriod: 100,
        clientId: "device",
      });
      device.on("error", () => {});
      onTestFinished(() => device.endAsync(true));
      const publishing = { isDone: false, count: 0 };
      const published = publish(device, publishing, 20);
      await harass(gateway, proxy, publishing).finally(() => {
        publishing.isDone = true;
      });
      await published;
      const log = await wholeLog(gateway);
      await expect.poll(() => received.length, { timeout: 30_000, interval: 50 }).toBe(log.length);
      expect(received.map(({ seq }) => seq)).toEqual(log);
      expect(log).toEqual(Array.from({ length: log.length }, (_, index) => index + 1));
      // The device resends what it got no PUBACK for, so a number may stand in the log twice, but none may lack.
      expect(new Set(received.map(({ values }) => values["n"])).size).toBe(publishing.count);
      expect(gaps).toEqual([]);
    },
  );
});

async function epochOf(gateway: GatewayProcess): Promise<string> {
  const ready = await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`);
  return ((await ready.json()) as { epoch: string }).epoch;
}
