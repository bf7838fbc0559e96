import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Aedes, type AuthenticateError } from "aedes";
import { afterEach, describe, expect, it, vi } from "vitest";
import { maxInFlightMessages } from "../../firmware-sim/link.ts";
import {
  explainProblem,
  maxConnections,
  Publisher,
  type PublisherSettings,
} from "../../firmware-sim/publisher.ts";

interface TestBroker {
  readonly aedes: Aedes;
  readonly port: number;
  readonly received: string[];
  readonly clients: Set<string>;
  stop(): Promise<void>;
}

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function startBroker(port = 0): Promise<TestBroker> {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  const received: string[] = [];
  const clients = new Set<string>();
  aedes.on("publish", (packet, client) => {
    if (client) received.push(String(packet.payload));
  });
  aedes.on("client", (client) => clients.add(client.id));
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  let isStopped = false;
  const stop = async (): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
    await new Promise<void>((resolve) => aedes.close(resolve));
  };
  stops.push(stop);
  return { aedes, port: (server.address() as AddressInfo).port, received, clients, stop };
}

function startPublisher(port: number, settings: Partial<PublisherSettings> = {}): Publisher {
  const publisher = new Publisher({
    url: `mqtt://127.0.0.1:${port}`,
    qos: 1,
    devices: ["a", "b", "c"],
    isClientPerDevice: true,
    clientIdPrefix: "sim-test",
    reconnectMs: 100,
    ...settings,
  });
  stops.push(() => publisher.close(0));
  return publisher;
}

const say = (publisher: Publisher, device: string, payload: string): void =>
  publisher.publish({ device, topic: `t/${device}`, payload });

describe("the publisher", () => {
  it("gives every device a connection of its own and counts acknowledgements", async () => {
    const broker = await startBroker();
    const publisher = startPublisher(broker.port);
    for (const device of ["a", "b", "c"]) say(publisher, device, device);
    await vi.waitFor(() => expect(publisher.status.acknowledged).toBe(3), 10_000);
    expect([...broker.clients].sort()).toEqual(["sim-test-a", "sim-test-b", "sim-test-c"]);
    expect(publisher.status).toMatchObject({ sent: 3, failed: 0, dropped: 0, connected: 3, connections: 3 });
  });

  it.each([0, 2] as const)("publishes with QoS %i over one shared connection", async (qos) => {
    const broker = await startBroker();
    const publisher = startPublisher(broker.port, { qos, isClientPerDevice: false });
    for (const device of ["a", "b", "c"]) say(publisher, device, device);
    await vi.waitFor(() => expect(broker.received).toEqual(["a", "b", "c"]), 10_000);
    expect(broker.clients).toEqual(new Set(["sim-test-fleet-1"]));
  });

  it("shares connections beyond the limit", async () => {
    const devices = Array.from({ length: maxConnections + 50 }, (_, i) => `d${i}`);
    const broker = await startBroker();
    const publisher = startPublisher(broker.port, { devices });
    for (const device of devices) say(publisher, device, device);
    await vi.waitFor(() => expect(publisher.status.acknowledged).toBe(devices.length), 20_000);
    expect(publisher.status.connections).toBe(maxConnections);
  });

  it("keeps what it cannot send while the broker is away and uploads it in order", async () => {
    const first = await startBroker();
    const problems: string[] = [];
    const publisher = startPublisher(first.port, { onProblem: (sentence) => problems.push(sentence) });
    say(publisher, "a", "before");
    await vi.waitFor(() => expect(publisher.status.acknowledged).toBe(1), 10_000);
    await first.stop();
    await vi.waitFor(() => expect(publisher.status.connected).toBe(0), 10_000);
    for (let i = 0; i < 100; i++) say(publisher, "a", `kept ${i}`);
    expect(publisher.status.buffered).toBe(100);
    await vi.waitFor(() => expect(problems).toHaveLength(1), 10_000);
    const second = await startBroker(first.port);
    await vi.waitFor(() => expect(publisher.status.acknowledged).toBe(101), 20_000);
    expect(second.received).toEqual(Array.from({ length: 100 }, (_, i) => `kept ${i}`));
    expect(publisher.status).toMatchObject({ buffered: 0, dropped: 0, failed: 0 });
    expect(publisher.status.reconnects).toBeGreaterThan(0);
    expect(problems[0]).toContain("Nothing listens");
  });

  it("sends again what was on the wire without acknowledgement when the connection broke", async () => {
    const first = await startBroker();
    let asked = 0;
    // A gateway whose commit never ends: it reads, and acknowledges nothing.
    first.aedes.authorizePublish = () => {
      asked += 1;
    };
    const publisher = startPublisher(first.port, { devices: ["a"] });
    for (let i = 0; i < 50; i++) say(publisher, "a", String(i));
    await vi.waitFor(() => expect(asked).toBe(maxInFlightMessages), 10_000);
    expect(publisher.status).toMatchObject({ acknowledged: 0, buffered: 50 - maxInFlightMessages });
    await first.stop();
    const second = await startBroker(first.port);
    await vi.waitFor(() => expect(publisher.status.acknowledged).toBe(50), 20_000);
    expect(second.received).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  });

  it("drops the oldest when the buffer is full", async () => {
    const first = await startBroker();
    await first.stop();
    const publisher = startPublisher(first.port, { devices: ["a"], maxBufferedPerDevice: 10 });
    for (let i = 0; i < 25; i++) say(publisher, "a", String(i));
    expect(publisher.status).toMatchObject({ buffered: 10, dropped: 15 });
    const second = await startBroker(first.port);
    await vi.waitFor(() => expect(second.received).toHaveLength(10), 20_000);
    expect(second.received[0]).toBe("15");
  });

  it("explains a refused login and gets in when the password is right later", async () => {
    const broker = await startBroker();
    let isOpen = false;
    broker.aedes.authenticate = (_client, _username, _password, done) => {
      const refusal = Object.assign(new Error("no"), { returnCode: 4 }) as AuthenticateError;
      done(isOpen ? null : refusal, isOpen);
    };
    const problems: string[] = [];
    const publisher = startPublisher(broker.port, {
      username: "tech",
      password: "wrong",
      onProblem: (sentence) => problems.push(sentence),
    });
    say(publisher, "a", "hello");
    await vi.waitFor(() => expect(problems).not.toHaveLength(0), 10_000);
    expect(problems).toEqual(["The gateway refused the login. Check --username and --password."]);
    isOpen = true;
    await vi.waitFor(() => expect(broker.received).toEqual(["hello"]), 20_000);
  });

  it("counts as failed what was never sent", async () => {
    const gone = await startBroker();
    await gone.stop();
    const publisher = startPublisher(gone.port, { devices: ["a"] });
    say(publisher, "a", "lost");
    await publisher.close(50);
    expect(publisher.status).toMatchObject({ failed: 1, acknowledged: 0, buffered: 0 });
  });

  it("refuses a device it does not know", async () => {
    const broker = await startBroker();
    const publisher = startPublisher(broker.port);
    expect(() => say(publisher, "nobody", "x")).toThrow("no connection for the device nobody");
  });

  it.each([
    ["ENOTFOUND", "host name gateway.example is not known"],
    ["ETIMEDOUT", "gateway.example cannot be reached"],
    ["ECONNRESET", "does it want TLS"],
    [3, "/readyz"],
  ])("explains %s", (code, part) => {
    const error = Object.assign(new Error("x"), { code });
    expect(explainProblem(error, "mqtt://gateway.example:1883")).toContain(part);
  });
});
