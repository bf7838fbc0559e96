import { once } from "node:events";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { generate, type IPublishPacket } from "mqtt-packet";
import { describe, expect, it, onTestFinished } from "vitest";
import { createWebSocketStream, WebSocket } from "ws";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import {
  connectPacket,
  publishPacket,
  RawClient,
  roundTrip,
  subscribePacket,
  until,
} from "../ingest/harness.ts";

describe.each(["uws", "ws"])("MQTT over WebSocket, %s", (transport) => {
  async function gateway(flags: Record<string, string> = {}): Promise<Gateway> {
    const base = {
      "mqtt.port": "0",
      "http.port": "0",
      "ring.engine": "memory",
      logLevel: "silent",
      transport,
    };
    const config = loadConfig({ flags: { ...base, ...flags }, env: {}, file: null });
    const started = await startGateway(config, { logger: silentLogger, clock: systemClock });
    onTestFinished(() => started.close());
    return started;
  }

  async function mqttClient(to: Gateway, options: IClientOptions = {}): Promise<MqttClient> {
    const url = `ws://127.0.0.1:${to.httpPort}/mqtt`;
    const client = await connectAsync(url, { reconnectPeriod: 0, ...options });
    onTestFinished(() => void client.end(true));
    return client;
  }

  function open(to: Gateway, subprotocols: string[] = ["mqtt"], origin?: string): WebSocket {
    const socket = new WebSocket(
      `ws://127.0.0.1:${to.httpPort}/mqtt`,
      subprotocols,
      origin ? { origin } : {},
    );
    onTestFinished(() => {
      socket.on("error", () => {});
      socket.terminate();
    });
    return socket;
  }

  async function opened(to: Gateway, subprotocols?: string[]): Promise<WebSocket> {
    const socket = open(to, subprotocols);
    await once(socket, "open");
    return socket;
  }

  /** A client that has connected and sends exactly the bytes it is told to, a frame for each write. */
  async function raw(to: Gateway): Promise<{ client: RawClient; socket: WebSocket }> {
    const socket = await opened(to);
    const client = new RawClient(createWebSocketStream(socket));
    client.send(connectPacket("raw"));
    await until(() => client.of("connack").length === 1);
    return { client, socket };
  }

  async function latest(to: Gateway, filter: string): Promise<Record<string, unknown>[]> {
    const response = await fetch(
      `http://127.0.0.1:${to.httpPort}/api/v1/latest?filter=${encodeURIComponent(filter)}`,
    );
    return ((await response.json()) as { readings: Record<string, unknown>[] }).readings;
  }

  async function refusal(socket: WebSocket): Promise<{ status: number | undefined; body: string }> {
    const [, response] = await once(socket, "unexpected-response");
    let body = "";
    for await (const chunk of response) body += chunk;
    return { status: response.statusCode, body };
  }

  it("takes what MQTT.js publishes, and acknowledges it after the commit", async () => {
    const to = await gateway();
    const phone = await mqttClient(to);
    for (const qos of [0, 1, 2] as const) {
      const payload = JSON.stringify({ lat: 60 + qos, lon: 24.9 });
      await phone.publishAsync("telemetry/gps/my-phone", payload, { qos });
      if (qos > 0) {
        expect(await latest(to, "gps/my-phone")).toMatchObject([{ values: { lat: 60 + qos } }]);
      }
    }
    await phone.endAsync();
  });

  it("carries messages between clients on both transports of MQTT", async () => {
    const to = await gateway();
    const page = await mqttClient(to);
    const device = await connectAsync(`mqtt://127.0.0.1:${to.mqttPort}`, { reconnectPeriod: 0 });
    onTestFinished(() => void device.end(true));
    const received: string[] = [];
    page.on("message", (topic, payload) => received.push(`${topic} ${payload.length}`));
    await page.subscribeAsync("tele/#", { qos: 1 });
    await device.publishAsync("tele/plug/SENSOR", Buffer.alloc(500_000), { qos: 1 });
    await until(() => received.length === 1);
    expect(received).toEqual(["tele/plug/SENSOR 500000"]);
  });

  it("takes a packet in many frames, and many packets in a frame", async () => {
    const to = await gateway();
    const { client, socket } = await raw(to);
    const payload = '{"lat":60.17,"lon":24.94}';
    for (const byte of generate(publishPacket("telemetry/gps/a", 1, 1, { payload }))) {
      socket.send(Buffer.of(byte));
    }
    client.send(...[2, 3, 4, 5].map((id) => publishPacket("telemetry/gps/b", 1, id, { payload })));
    await until(() => client.of("puback").length === 5);
    expect(client.ids("puback")).toEqual([1, 2, 3, 4, 5]);
    expect(await latest(to, "gps/+")).toMatchObject([{ topic: "gps/a" }, { topic: "gps/b" }]);
  });

  it("takes the largest packet in one frame", async () => {
    const to = await gateway();
    const { client } = await raw(to);
    client.send(publishPacket("t", 1, 1, { payload: Buffer.alloc(2 * 1024 * 1024 - 100) }));
    await until(() => client.of("puback").length === 1);
  });

  it("speaks MQTT 3.1 with its own subprotocol", async () => {
    const to = await gateway();
    const client = await mqttClient(to, { protocolId: "MQIsdp", protocolVersion: 3, clientId: "old" });
    await client.publishAsync("telemetry/gps/old", '{"lat":60,"lon":24}', { qos: 1 });
    const socket = await opened(to, ["other", "mqttv3.1"]);
    expect(socket.protocol).toBe("mqttv3.1");
  });

  it("closes on a text frame and says why", async () => {
    const to = await gateway();
    const { socket } = await raw(to);
    const closed = once(socket, "close");
    socket.send("hello");
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([1003, "send MQTT in binary frames"]);
  });

  it("refuses MQTT 5 with CONNACK 1", async () => {
    const to = await gateway();
    const socket = await opened(to);
    const client = new RawClient(createWebSocketStream(socket));
    const closed = once(socket, "close");
    client.send({ ...connectPacket("five"), protocolVersion: 5 } as ReturnType<typeof connectPacket>);
    expect((await closed)[0]).toBe(1000);
    expect(client.received).toMatchObject([{ cmd: "connack", returnCode: 1 }]);
  });

  it("refuses an offer without MQTT, and a page of a foreign origin", async () => {
    const to = await gateway();
    expect(await refusal(open(to, ["soap"]))).toEqual({
      status: 400,
      body: "offer a subprotocol that is served: mqtt, mqttv3.1\n",
    });
    const { status, body } = await refusal(open(to, ["mqtt"], "https://evil.example"));
    expect([status, body]).toEqual([403, expect.stringContaining("stream.allowedOrigins")]);
  });

  it("is not there when it is switched off", async () => {
    const to = await gateway({ "mqtt.websocket": "false" });
    expect(await refusal(open(to))).toEqual({ status: 404, body: "WebSockets are served at /stream\n" });
  });

  it("closes a connection that breaks MQTT's rules, and the others stay", async () => {
    const to = await gateway();
    const { client: other } = await raw(to);
    const socket = await opened(to);
    const closed = once(socket, "close");
    socket.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    await closed;
    await roundTrip(other);
  });

  it("disconnects when the gateway goes down", async () => {
    const to = await gateway();
    const client = await mqttClient(to);
    await to.close();
    await until(() => !client.connected);
  });

  it("gives an MQTT.js page what the topics show, then what is new, and no device can speak for another", async () => {
    const to = await gateway();
    const device = await mqttClient(to);
    await device.publishAsync("telemetry/gps/van-7", '{"lat":60.17,"lon":24.94}', { qos: 1 });
    const page = await mqttClient(to);
    const received: unknown[] = [];
    page.on("message", (topic, payload, { retain }) => {
      const { values } = JSON.parse(String(payload));
      received.push([topic, retain, values.lat]);
    });
    await page.subscribeAsync("gps/#");
    await until(() => received.length === 1);
    await device.publishAsync("gps/van-7", '{"values":{"lat":1}}', { qos: 1, retain: true });
    await device.publishAsync("telemetry/gps/van-7", '{"lat":60.18,"lon":24.94}', { qos: 1 });
    await until(() => received.length === 2);
    expect(received).toEqual([
      ["gps/van-7", true, 60.17],
      ["gps/van-7", false, 60.18],
    ]);
  });

  it("sends no readings and routes every packet when that is what the operator wants", async () => {
    const to = await gateway({ "mqtt.normalized": "false" });
    const client = await mqttClient(to);
    const received: string[] = [];
    client.on("message", (topic, payload) => received.push(`${topic} ${payload}`));
    await client.subscribeAsync("gps/#");
    await client.publishAsync("telemetry/gps/van-7", '{"lat":60.17,"lon":24.94}', { qos: 1 });
    await client.publishAsync("gps/van-7", "mine", { qos: 1 });
    await until(() => received.length === 1);
    expect(received).toEqual(["gps/van-7 mine"]);
  });

  it("acknowledges 1,000 publishes while a subscriber is frozen, which then sees what is", async () => {
    const to = await gateway();
    const { client, socket } = await raw(to);
    client.send(subscribePacket(["gps/#"]));
    await until(() => client.of("suback").length === 1);
    const healthy = await mqttClient(to);
    let seen = 0;
    healthy.on("message", () => seen++);
    await healthy.subscribeAsync("gps/#");
    socket.pause();
    const device = await mqttClient(to);
    // More than the kernel takes for a reader that does not read.
    const padding = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`note${i}`, "x".repeat(250)]));
    for (let n = 1; n <= 1_000; n++) {
      const payload = JSON.stringify({ lat: 60, lon: 24, n, ...padding });
      await device.publishAsync(`telemetry/gps/van-${n % 10}`, payload, { qos: 1 });
    }
    await until(() => seen === 1_000);
    const metrics = await (await fetch(`http://127.0.0.1:${to.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/fieldcast_mqtt_dropped_total\{what="slowReading"\} [1-9]/);
    expect(metrics).toMatch(/fieldcast_mqtt_refused_total\{reason="slowReader"\} 0/);
    socket.resume();
    const shown = new Map<string, number>();
    await until(() => {
      for (const { topic, payload } of client.of("publish") as IPublishPacket[]) {
        shown.set(topic, JSON.parse(String(payload)).values.n);
      }
      return shown.size === 10 && Math.min(...shown.values()) > 990;
    });
  });
});
