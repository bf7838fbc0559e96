import { once } from "node:events";
import { connectAsync, type IClientOptions, type MqttClient } from "mqtt";
import { generate } from "mqtt-packet";
import { describe, expect, it, onTestFinished } from "vitest";
import { createWebSocketStream, WebSocket } from "ws";
import { type Gateway, startGateway } from "../../src/app/gateway.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { systemClock } from "../../src/model/clock.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { connectPacket, publishPacket, RawClient, roundTrip, until } from "../ingest/harness.ts";

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
});
