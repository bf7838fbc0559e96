import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Aedes } from "aedes";
import { afterEach, describe, expect, it, vi } from "vitest";
import { nodeProblem } from "../../firmware-sim/node.ts";

const root = join(import.meta.dirname, "../..");
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Run {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  output(): string;
}

function run(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
  const child = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...env } });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const exit = once(child, "close").then(([code]) => code as number | null);
  cleanups.push(() => {
    child.kill("SIGKILL");
  });
  return { child, exit, output: () => output };
}

const simulator = join(root, "dist/firmware-sim/main.js");

async function startBroker(): Promise<{ port: number; topics: Set<string> }> {
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  const topics = new Set<string>();
  aedes.on("publish", (packet, client) => {
    if (client) topics.add(packet.topic);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(async () => {
    await new Promise<void>((resolve) => aedes.close(resolve));
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, topics };
}

/** A port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("fieldcast-sim", () => {
  it("plays all domains for the asked time and ends with a summary", async () => {
    const { port, topics } = await startBroker();
    const sim = run(simulator, ["--url", `mqtt://127.0.0.1:${port}`, "--duration", "4", "--devices", "3"]);
    expect(await sim.exit).toBe(0);
    expect(sim.output()).toContain("3 gps, 3 energy, 3 road, 3 transit, 3 fare");
    expect(sim.output()).toMatch(/Time is up\. sent \d+ {2}acknowledged \d+ {2}failed 0/);
    const firsts = new Set([...topics].map((topic) => topic.split("/").slice(0, 2).join("/")));
    expect([...firsts]).toEqual(
      expect.arrayContaining(["owntracks/city", "telemetry/energy", "tms-v2/99001", "/hfp", "fares/sim"]),
    );
  });

  it("ends cleanly on Ctrl-C", async () => {
    const { port, topics } = await startBroker();
    const sim = run(simulator, ["--url", `mqtt://127.0.0.1:${port}`, "--domains", "gps", "--devices", "2"]);
    await vi.waitFor(() => expect(topics.size).toBe(2), 20_000);
    sim.child.kill("SIGINT");
    expect(await sim.exit).toBe(0);
    expect(sim.output()).toContain("Interrupted. sent");
  });

  it("says what to check when nothing listens, and fails when nothing was delivered", async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const sim = run(simulator, ["--url", url, "--domains", "road", "--duration", "3"]);
    expect(await sim.exit).toBe(1);
    expect(sim.output()).toContain(`Nothing listens at ${url}.`);
    expect(sim.output()).toContain("No message was acknowledged");
  });

  it.each([
    [["--domains", "gps,boats"], 'There is no domain "boats"'],
    [["--seed", "x"], "A whole number from 0"],
    [["--url", "localhost"], "Write it as mqtt://host:1883"],
    [["--devices", "0"], "from 1 to 1000"],
  ])("refuses %j with a sentence", async (args, sentence) => {
    const sim = run(simulator, args);
    expect(await sim.exit).toBe(1);
    expect(sim.output()).toContain(sentence);
  });

  it("asks for a newer Node.js in a sentence", () => {
    expect(nodeProblem("18.20.1")).toContain("needs Node.js 20.19 or newer; this is 18.20.1");
    expect(nodeProblem("20.18.0")).not.toBeNull();
    expect(nodeProblem("20.19.0")).toBeNull();
    expect(nodeProblem("24.1.0")).toBeNull();
  });
});

/** A gateway as far as the demo sees one: it listens, gets ready, and takes its time to end. */
const standInGateway = `
import { createServer as createHttp } from "node:http";
import { createServer } from "node:net";
import { Aedes } from "aedes";
if (process.argv.includes("--fail")) { console.error("port taken"); process.exit(78); }
const aedes = await Aedes.createBroker();
let count = 0;
aedes.on("publish", (packet, client) => { if (client && ++count === 50) console.log("got 50"); });
createServer(aedes.handle).listen(Number(process.env.FIELDCAST_MQTT_PORT), "127.0.0.1");
createHttp((_, res) => res.writeHead(200).end()).listen(Number(process.env.FIELDCAST_HTTP_PORT), "127.0.0.1");
console.log("args", process.argv.slice(2).join(" "));
process.on("SIGTERM", () => setTimeout(() => { console.log("committed"); process.exit(0); }, 300));
`;

function installDemo(): string {
  const dir = mkdtempSync(join(tmpdir(), "fieldcast-demo-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, "src"));
  cpSync(join(root, "dist/firmware-sim"), join(dir, "firmware-sim"), { recursive: true });
  cpSync(join(root, "dist/src/model"), join(dir, "src/model"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(dir, "node_modules"));
  writeFileSync(join(dir, "package.json"), '{"type":"module"}');
  writeFileSync(join(dir, "src/main.js"), standInGateway);
  return join(dir, "firmware-sim/demo.js");
}

async function ports(): Promise<NodeJS.ProcessEnv> {
  return {
    FIELDCAST_HOST: "127.0.0.1",
    FIELDCAST_HTTP_PORT: String(await freePort()),
    FIELDCAST_MQTT_PORT: String(await freePort()),
  };
}

describe("the demo", () => {
  it("starts the gateway, plays the devices, and ends both on SIGTERM", async () => {
    const env = await ports();
    const demo = run(installDemo(), ["--log-level", "warn"], env);
    await vi.waitFor(() => expect(demo.output()).toContain("got 50"), 20_000);
    expect(demo.output()).toContain("args serve --log-level warn");
    expect(demo.output()).toContain(`http://127.0.0.1:${env["FIELDCAST_HTTP_PORT"]}/`);
    demo.child.kill("SIGTERM");
    expect(await demo.exit).toBe(0);
    expect(demo.output()).toContain("committed");
  });

  it("ends with the gateway's own code when the gateway does not start", async () => {
    const demo = run(installDemo(), ["--fail"], await ports());
    expect(await demo.exit).toBe(78);
    expect(demo.output()).toContain("port taken");
    expect(demo.output()).toContain("The gateway ended by itself with code 78");
  });
});
