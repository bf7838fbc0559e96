import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { dataFolder, startLive } from "./live-gateway.ts";

const settings = (url: string) => `
webhooks:
  - { name: duty, url: "${url}", secret: "\${DUTY_SECRET}" }
insights:
  presence: { enabled: false }
  alerts:
    rules:
      - { name: load, filter: "energy/#", field: powerW, above: 5000, forS: 1, hysteresis: 500, severity: critical }
`;

async function receiver() {
  const bodies: { topic: string; time: string; values: { state: string } }[] = [];
  const server = createServer(async (request, response) => {
    bodies.push(JSON.parse(Buffer.concat((await request.toArray()) as Buffer[]).toString()));
    response.writeHead(204).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, bodies };
}

async function start(dataDir: string, url: string) {
  const env = { DUTY_SECRET: "a secret that is long enough" };
  const live = { dataDir, config: settings(url), follow: ["alerts/#"], from: { last: 100 }, env };
  const { gateway, publish, seen, stop } = await startLive(live);
  const measure = (powerW: number, time = Date.now()) =>
    publish("telemetry/energy/pump", { powerW, time: new Date(time).toISOString() });
  const alert = () => seen.findLast((one) => one.topic === "alerts/rules/load/energy/pump");
  const shows = (state: string) =>
    expect.poll(() => alert()?.values["state"], { timeout: 15_000 }).toBe(state);
  const acknowledge = (id: unknown, headers: Record<string, string> = {}) => {
    const url = `http://127.0.0.1:${gateway.httpPort}/api/v1/alerts/${String(id)}/ack?by=anna`;
    return fetch(url, { method: "POST", headers });
  };
  return { measure, alert, shows, acknowledge, seen, stop };
}

it("alerts, from MQTT to the SDK: pending, firing by the clock, acknowledged over HTTP, resolved after a restart, each told to a webhook once", async () => {
  const dataDir = dataFolder();
  const { url, bodies } = await receiver();
  const first = await start(dataDir, url);
  await first.measure(6_000);
  await first.shows("pending");
  const id = first.alert()?.values["id"];
  expect((await first.acknowledge(id)).status).toBe(409);
  await first.shows("firing");
  expect((await first.acknowledge(7)).status).toBe(404);
  expect((await first.acknowledge(id, { origin: "https://elsewhere.example" })).status).toBe(403);
  const answer = await first.acknowledge(id);
  expect([answer.status, await answer.json()]).toEqual([
    200,
    { topic: "alerts/rules/load/energy/pump", by: "anna", time: expect.any(String) },
  ]);
  await first.shows("acknowledged");
  expect((await first.acknowledge(id)).status).toBe(409);
  await first.stop();

  const second = await start(dataDir, url);
  await second.measure(4_700);
  await second.measure(4_500);
  await second.shows("resolved");
  expect(second.alert()?.values).toMatchObject({
    value: 4_500,
    acknowledgedBy: "anna",
    severity: "critical",
  });
  const states = second.seen
    .filter(({ topic }) => topic.startsWith("alerts/rules"))
    .map((one) => one.values["state"]);
  expect(states).toEqual(["pending", "firing", "acknowledged", "resolved"]);
  await expect
    .poll(() => bodies.map(({ values }) => values.state), { timeout: 15_000 })
    .toEqual(["firing", "acknowledged", "resolved"]);
});

it("an alert that never was, as a reading shows that comes late, is taken back where it was told", async () => {
  const { url, bodies } = await receiver();
  const { measure, shows, seen } = await start(dataFolder(), url);
  const began = Date.now();
  await measure(6_000, began);
  const told = () => bodies.map(({ time, values }) => [Date.parse(time) - began, values.state]);
  await expect.poll(told, { timeout: 15_000 }).toEqual([[1_000, "firing"]]);
  await measure(100, began + 500);
  await shows("resolved");
  expect(seen.findLast(({ topic }) => topic.startsWith("alerts/rules"))?.values["firedAt"]).toBeNull();
  await expect.poll(told, { timeout: 15_000 }).toEqual([
    [1_000, "firing"],
    [1_000, "resolved"],
  ]);
});
