import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { type Fanout, readPath } from "./fanout.ts";

/** The `ws` package as most people use it: a loop of `send` over the subscribers. */
export async function startWsFanout(): Promise<Fanout> {
  const topics = new Map<string, Set<WebSocket>>();
  const server = new WebSocketServer({
    host: "127.0.0.1",
    port: 0,
    backlog: 4_096,
    perMessageDeflate: false,
  });
  server.on("connection", (socket, request) => {
    const { follows } = readPath(request.url ?? "/");
    if (follows === null) return;
    const followers = topics.get(follows) ?? new Set();
    topics.set(follows, followers.add(socket));
    socket.on("close", () => followers.delete(socket));
  });
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    publish: (topic, payload) => {
      for (const socket of topics.get(topic) ?? []) socket.send(payload, { binary: false });
    },
  };
}
