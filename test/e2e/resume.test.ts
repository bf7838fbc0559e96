import { connect as connectMqtt, type MqttClient } from "mqtt";
import { afterEach, describe, expect, it } from "vitest";
import { createRandom } from "../../firmware-sim/random.ts";
import { connect, type Fieldcast, type Reading } from "../../src/client/node.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { StreamClient } from "../support/stream-client.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const total = 10_000;
const seed = 4_711;
const opened: { dispose(): unknown }[] = [];

afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.dispose();
});

async function publishAll(client: MqttClient, paceMs: number): Promise<void> {
  const perStep = 50;
  for (let n = 0; n < total; n += perStep) {
    const step = Array.from({ length: perStep }, (_, k) =>
      client.publishAsync(
        `telemetry/gps/van-${k % 9}`,
        JSON.stringify({ lat: 60.17, lon: 24.94, n: n + k }),
        { qos: 1 },
      ),
    );
    await Promise.all(step);
    await new Promise((resolve) => setTimeout(resolve, paceMs));
  }
}

/** Cuts the client off again and again, in three ways, until `done`. */
async function harass(
  gateway: GatewayProcess,
  proxy: TcpProxy,
  done: () => boolean,
): Promise<Record<string, number>> {
  const random = createRandom(seed);
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const count = { killed: 0, dropped: 0, silenced: 0 };
  const ways = [
    async () => {
      await gateway.kill();
      await gateway.start();
      count.killed++;
    },
    async () => {
      proxy.cut();
      count.dropped++;
    },
    async () => {
      proxy.goSilent();
      // Longer than the client believes in a silent connection.
      await pause(1_500);
      proxy.recover();
      count.silenced++;
    },
  ];
  for (let step = 0; !done(); step++) {
    await ways[step % ways.length]?.();
    await pause(100 + random.next() * 400);
  }
  return count;
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

describe.each(["uws", "ws"])("over the %s transport", (transport) => {
  it.each(["msgpack", "json"] as const)(
    "a %s client that is cut off again and again gets each reading once, in order",
    async (protocol) => {
      const gateway = new GatewayProcess([`transport=${transport}`, "stream.heartbeatMs=300"]);
      opened.push(gateway);
      await gateway.start();
      const proxy = await TcpProxy.open(() => gateway.httpPort);
      opened.push({ dispose: () => proxy.close() });
      const received: Reading[] = [];
      const gaps: unknown[] = [];
      const fieldcast: Fieldcast = connect(`ws://127.0.0.1:${proxy.port}/stream`, {
        protocol,
        backoff: { maxDelayMs: 500 },
      });
      opened.push({ dispose: () => fieldcast.close() });
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
      opened.push({ dispose: () => device.endAsync(true) });
      let published = false;
      const publishing = publishAll(device, 20).then(() => {
        published = true;
      });
      const cuts = await harass(gateway, proxy, () => published);
      await publishing;
      const log = await wholeLog(gateway);
      await expect.poll(() => received.length, { timeout: 30_000, interval: 50 }).toBe(log.length);
      expect(received.map(({ seq }) => seq)).toEqual(log);
      expect(log).toEqual(Array.from({ length: log.length }, (_, index) => index + 1));
      // The device resends what it got no PUBACK for, so a number may stand in the log twice, but none may lack.
      expect(new Set(received.map(({ values }) => values["n"])).size).toBe(total);
      expect(gaps).toEqual([]);
      expect(Math.min(...Object.values(cuts))).toBeGreaterThan(1);
    },
  );
});

async function epochOf(gateway: GatewayProcess): Promise<string> {
  const ready = await fetch(`http://127.0.0.1:${gateway.httpPort}/readyz`);
  return ((await ready.json()) as { epoch: string }).epoch;
}
