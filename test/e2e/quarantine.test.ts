import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { connectAsync } from "mqtt";
import { expect, it, onTestFinished } from "vitest";
import { freePort } from "../support/free-port.ts";
import { GatewayProcess } from "../support/gateway-process.ts";
import { StreamClient } from "../support/stream-client.ts";

const program = join(import.meta.dirname, "../../dist/src/main.js");
const run = promisify(execFile);
const hourMs = 3_600_000;

interface Row {
  readonly name: string;
  readonly readings: readonly { readonly device: string; readonly time: string }[];
  readonly rejected: string | null;
}

/** `fieldcast decode --quarantine`, as a process of its own. */
async function decode(...args: string[]): Promise<Row[]> {
  const { stdout } = await run(process.execPath, [program, "decode", "--quarantine", ...args]);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

/** A plug's message of `time`, with the clock on its wall in Tokyo. */
function message(time: number, powerW: number): string {
  const local = new Date(time + 9 * hourMs).toISOString().slice(0, 19);
  return JSON.stringify({ Time: local, ENERGY: { Power: powerW } });
}

async function start(settings: readonly string[]): Promise<GatewayProcess> {
  const gateway = new GatewayProcess(settings);
  onTestFinished(() => gateway.dispose());
  await gateway.start();
  return gateway;
}

async function publish(gateway: GatewayProcess, topic: string, payload: string): Promise<void> {
  const device = await connectAsync(`mqtt://127.0.0.1:${gateway.mqttPort}`, { clientId: "plug-1" });
  await device.publishAsync(topic, payload, { qos: 1 });
  await device.endAsync();
}

async function getJson<Body>(gateway: GatewayProcess, path: string): Promise<Body> {
  return (await (await fetch(`http://127.0.0.1:${gateway.httpPort}${path}`)).json()) as Body;
}

async function quarantinedTopics(gateway: GatewayProcess): Promise<string[]> {
  const { packets } = await getJson<{ packets: { topic: string }[] }>(gateway, "/api/v1/quarantine");
  return packets.map(({ topic }) => topic);
}

/** Whole seconds, as the device tells time. */
const now = Math.floor(Date.now() / 1_000) * 1_000;
const times = [now - 120_000, now - 60_000];

/** A gateway that was told the wrong time zone, and has rejected what seems to come from the future. */
async function misconfigured(): Promise<GatewayProcess> {
  const gateway = await start(["timezone=UTC"]);
  for (const [index, time] of times.entries())
    await publish(gateway, "tele/plug/SENSOR", message(time, index));
  await publish(gateway, "tele/broken/SENSOR", "{oops");
  return gateway;
}

it("bad packets are seen over HTTP and in the stream, and read after the config is mended", async () => {
  const gateway = await start(["timezone=UTC"]);
  const client = await StreamClient.open(gateway.httpPort, "fieldcast.v1.json");
  client.send({ type: "subscribe", id: 1, filter: "quarantine/#", from: "now" });
  await client.next("subscribed", 1);
  await publish(gateway, "tele/plug/SENSOR", message(times[0] as number, 0));
  await publish(gateway, "tele/plug/SENSOR", message(times[1] as number, 1));
  await publish(gateway, "tele/broken/SENSOR", "{oops");
  const notices = await client.untilReadings(1, 3);
  expect(notices[0]).toMatchObject({
    topic: "quarantine/tasmota",
    values: { topic: "tele/plug/SENSOR", client: "plug-1", reason: expect.stringMatching(/Time: .*future/) },
  });
  client.close();
  const listed = await getJson<{ packets: object[] }>(
    gateway,
    "/api/v1/quarantine?topic=tele/plug/%23&limit=1",
  );
  expect(listed.packets).toMatchObject([
    {
      topic: "tele/plug/SENSOR",
      client: "plug-1",
      format: "tasmota",
      reason: expect.stringMatching(/Time: /),
      payloadBase64: Buffer.from(message(times[1] as number, 1)).toString("base64"),
    },
  ]);

  await gateway.stop();
  gateway.settings = ["timezone=Asia/Tokyo"];
  await gateway.start();
  await publish(gateway, "tele/plug/SENSOR", message(now, 99));
  const url = `http://127.0.0.1:${gateway.httpPort}`;
  const dry = await decode("--url", url, "--set", "timezone=Asia/Tokyo");
  expect(dry.map(({ name, readings, rejected }) => [name, readings[0]?.time ?? rejected])).toEqual([
    ["#1 tele/plug/SENSOR", new Date(times[0] as number).toISOString()],
    ["#2 tele/plug/SENSOR", new Date(times[1] as number).toISOString()],
    ["#3 tele/broken/SENSOR", expect.stringMatching(/JSON/)],
  ]);
  expect(await quarantinedTopics(gateway)).toHaveLength(3);

  const reader = await StreamClient.open(gateway.httpPort);
  reader.send({ type: "subscribe", id: 1, filter: "energy/#", from: "now" });
  await reader.next("subscribed", 1);
  const committed = await decode("--url", url, "--commit");
  expect(committed).toEqual(dry);
  expect((await reader.untilReadings(1, 2)).map(({ time, values }) => [time, values["powerW"]])).toEqual([
    [times[0], 0],
    [times[1], 1],
  ]);
  reader.close();
  expect(await quarantinedTopics(gateway)).toEqual(["tele/broken/SENSOR"]);
  const latest = await getJson<{ readings: object[] }>(gateway, "/api/v1/latest?filter=energy/%23");
  expect(latest.readings).toMatchObject([{ time: new Date(now).toISOString(), values: { powerW: 99 } }]);
  expect((await decode("--url", url, "--commit")).map(({ name }) => name)).toEqual(["#3 tele/broken/SENSOR"]);
});

it("is tried again without a gateway, on the log's file", async () => {
  const gateway = await misconfigured();
  await expect(decode("--data-dir", gateway.dataDir)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/in use by another process/),
  });
  await gateway.stop();
  const zone = ["--data-dir", gateway.dataDir, "--set", "timezone=Asia/Tokyo"];
  const dry = await decode(...zone);
  expect(dry.map(({ rejected }) => rejected)).toEqual([null, null, expect.stringMatching(/JSON/)]);
  expect(await decode(...zone, "--commit")).toEqual(dry);
  expect(await decode(...zone)).toHaveLength(1);
  await gateway.start();
  expect(await quarantinedTopics(gateway)).toEqual(["tele/broken/SENSOR"]);
  const latest = await getJson<{ readings: object[] }>(gateway, "/api/v1/latest?filter=energy/%23");
  expect(latest.readings).toMatchObject([{ time: new Date(times[1] as number).toISOString() }]);
});

it("tries large packets again over HTTP, of which a list shows the beginning", async () => {
  const gateway = await start(["timezone=UTC"]);
  const large = JSON.stringify({ lat: 60.17, lon: 24.94, time: "soon", note: "x".repeat(9_000) });
  await publish(gateway, "telemetry/gps/van", large);
  await publish(gateway, "telemetry/gps/van", `[${large}`);
  const url = `http://127.0.0.1:${gateway.httpPort}`;
  const dry = await decode("--url", url);
  expect(dry.map(({ rejected }) => rejected)).toEqual([
    expect.stringMatching(/time/),
    expect.stringMatching(/JSON/),
  ]);
  expect(await decode("--url", url, "--commit")).toEqual(dry);
});

it("says what to do when there is no gateway at the address", async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  await expect(decode("--url", url, "--commit")).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/cannot be reached .*ECONNREFUSED.*--data-dir/),
  });
});
