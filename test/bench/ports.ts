import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./child.ts";

const readyMs = 15_000;

/** A port of loopback that nobody listens on, for programs that cannot choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves when the process takes connections at `port`. @throws Error with its last words when it does not */
export async function listening(child: Child, port: number): Promise<void> {
  const deadline = performance.now() + readyMs;
  while (!(await takesConnections(port))) {
    if (!child.isRunning || performance.now() > deadline)
      throw new Error(`nothing listens on port ${port}:\n${child.lastWords}`);
    await sleep(20);
  }
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("close", () => socket.destroy());
    socket.on("connect", () => socket.destroy());
  });
}
