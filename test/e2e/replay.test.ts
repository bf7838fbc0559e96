import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { connect, type Reading, type Replay } from "../../src/client/node.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

/** A van that was seen every 200 ms for a minute, until a minute ago. */
const count = 300;
const stepMs = 200;

it.each(["msgpack", "json"] as const)(
  "a replay that is cut off, killed, held and moved plays each reading once and goes on into live (%s)",
  async (protocol) => {
    const gateway = new GatewayProcess(["stream.heartbeatMs=300"]);
    onTestFinished(() => gateway.dispose());
    await gateway.start();
    const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, { reconnectPeriod: 100 });
    device.on("error", () => {});
    onTestFinished(() => device.endAsync(true));
    const start = Date.now() - 60_000 - count * stepMs;
    const publish = (n: number) => {
      const payload = { lat: 1, lon: 2, n, time: new Date(start + n * stepMs).toISOString() };
      return device.publishAsync("telemetry/gps/van", JSON.stringify(payload), { qos: 1 });
    };
    for (let n = 1; n <= count; n++) await publish(n);

    const proxy = await TcpProxy.open(() => gateway.httpPort);
    onTestFinished(() => proxy.close());
    const fieldcast = connect(`ws://127.0.0.1:${proxy.port}/stream`, {
      protocol,
      backoff: { maxDelayMs: 200 },
    });
    onTestFinished(() => fieldcast.close());
    const got: Reading[] = [];
    const replays: Replay[] = [];
    const subscription = fieldcast.subscribe(
      "gps/#",
      { from: { time: start + 100 * stepMs }, speed: 10, onReplay: (replay) => replays.push(replay) },
      (reading) => got.push(reading),
    );
    const reached = (n: number) =>
      expect
        .poll(() => Number(got.at(-1)?.values["n"] ?? 0), { timeout: 30_000, interval: 5 })
        .toBeGreaterThanOrEqual(n);
    await reached(120);
    proxy.cut();
    await reached(160);
    await gateway.kill();
    await gateway.start();
    await reached(200);
    subscription.pause();
    await expect.poll(() => subscription.replay?.state, { timeout: 10_000 }).toBe("paused");
    const held = got.length;
    proxy.cut();
    await expect.poll(() => fieldcast.stats.connections, { timeout: 10_000 }).toBeGreaterThanOrEqual(4);
    expect(got).toHaveLength(held);
    subscription.setSpeed(50);
    subscription.resume();
    await reached(count);
    await expect.poll(() => subscription.replay?.state, { timeout: 20_000 }).toBe("live");
    await publish(count + 1);
    await reached(count + 1);
    const [shown, ...played] = got;
    expect(shown).toMatchObject({ snapshot: true, values: { n: 100 } });
    expect(played.map(({ values }) => values["n"])).toEqual(
      Array.from({ length: count + 1 - 100 }, (_, index) => 101 + index),
    );
    expect(new Set(replays.map(({ state }) => state))).toEqual(new Set(["playing", "paused", "live"]));

    got.length = 0;
    subscription.seek({ last: 3 });
    await reached(count + 1);
    expect(got.map(({ values }) => values["n"])).toEqual([count - 1, count, count + 1]);
  },
);
