import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

const program = process.env["MOSQUITTO_PATH"] ?? "/usr/sbin/mosquitto";

/** Mosquitto: a real broker of both MQTT versions, on TCP, TLS and WebSocket, that ends with the test. */
export class Mosquitto {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #ports: { readonly mqtt: number; readonly mqtts: number; readonly ws: number };

  private constructor(
    child: ChildProcess,
    folder: string,
    ports: { mqtt: number; mqtts: number; ws: number },
  ) {
    this.#child = child;
    this.#folder = folder;
    this.#ports = ports;
  }

  /** @throws Error when the program is not installed or does not start */
  static async start(): Promise<Mosquitto> {
    if (!existsSync(program))
      throw new Error(`there is no ${program}: install mosquitto or set MOSQUITTO_PATH`);
    const folder = mkdtempSync(join(tmpdir(), "fieldcast-mosquitto-"));
    makeCertificate(folder);
    const ports = { mqtt: await freePort(), mqtts: await freePort(), ws: await freePort() };
    const config = join(folder, "mosquitto.conf");
    writeFileSync(config, settings(folder, ports));
    const child = spawn(program, ["-c", config], { stdio: "ignore" });
    // A test run that is cut short leaves no broker behind.
    process.once("exit", () => child.kill());
    const broker = new Mosquitto(child, folder, ports);
    for (const port of Object.values(ports)) await untilListening(port, child);
    return broker;
  }

  url(scheme: "mqtt" | "mqtts" | "ws"): string {
    return `${scheme}://localhost:${this.#ports[scheme]}`;
  }

  /** The certificate that TLS clients must trust. */
  get ca(): string {
    return readFileSync(join(this.#folder, "cert.pem"), "utf8");
  }

  stop(): void {
    this.#child.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function settings(folder: string, ports: { mqtt: number; mqtts: number; ws: number }): string {
  return [
    "per_listener_settings false",
    "allow_anonymous true",
    // Mosquitto 2.0.11 never sends what it queued beyond the usual 20 of QoS 2; any MQTT.js subscriber shows it.
    "max_inflight_messages 1000",
    // It would otherwise give up root, and with it the temporary folder.
    ...(process.getuid?.() === 0 ? ["user root"] : []),
    `listener ${ports.mqtt} 127.0.0.1`,
    `listener ${ports.ws} 127.0.0.1`,
    "protocol websockets",
    `listener ${ports.mqtts} 127.0.0.1`,
    `certfile ${join(folder, "cert.pem")}`,
    `keyfile ${join(folder, "key.pem")}`,
    "",
  ].join("\n");
}

function makeCertificate(folder: string): void {
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
  const { status, stderr } = spawnSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...names, ...files],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`openssl could not make a certificate: ${stderr}`);
}

async function untilListening(port: number, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended with ${child.exitCode}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => setTimeout(() => resolve(false), 20));
    });
    if (isOpen) return;
  }
}
