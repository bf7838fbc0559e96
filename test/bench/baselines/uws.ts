import { loadUws } from "../../../src/stream/transports/uws.ts";
import { type Fanout, type OnFeed, readPath } from "./fanout.ts";

/** High enough that nothing is dropped: the default would skip slow readers without a word. */
const maxBackpressureBytes = 64 * 1024 * 1024;

/** Bare uWebSockets.js: its own `publish`, one frame a call. */
export function startUwsFanout(onFeed: OnFeed): Promise<Fanout> {
  const uws = loadUws();
  const app = uws.App();
  app.ws<{ path: string }>("/*", {
    compression: uws.DISABLED,
    idleTimeout: 0,
    maxBackpressure: maxBackpressureBytes,
    upgrade: (response, request, context) => {
      const data = { path: request.getUrl() };
      response.upgrade(data, request.getHeader("sec-websocket-key"), "", "", context);
    },
    open: (ws) => {
      const { follows } = readPath(ws.getUserData().path);
      if (follows !== null) ws.subscribe(follows);
    },
    message: (ws, message) => {
      const { feeds } = readPath(ws.getUserData().path);
      if (feeds !== null) onFeed(feeds, Buffer.from(message));
    },
  });
  return new Promise((resolve, reject) => {
    app.listen("127.0.0.1", 0, (token) => {
      if (!token) return reject(new Error("uWebSockets.js cannot listen"));
      const port = uws.us_socket_local_port(
        token as unknown as Parameters<typeof uws.us_socket_local_port>[0],
      );
      resolve({
        port,
        publish: (topic, payload) => {
          app.publish(topic, payload, false);
        },
      });
    });
  });
}
