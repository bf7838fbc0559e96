import { Agent, request as httpRequest } from "node:http";
import { beforeEach, expect, it } from "vitest";
import type { HttpHandler } from "../../src/model/http.ts";
import { defaultStreamOptions } from "../../src/stream/options.ts";
import { startStream } from "../../src/stream/stream.ts";
import { dependencies, describeStream } from "./served.ts";

const http: HttpHandler = async ({ path, query }) => {
  if (path === "/broken") throw new Error("a fault");
  const headers = { "content-type": "text/plain" };
  return { status: 200, headers, body: `${path} ${query.get("a") ?? ""}` };
};

describeStream((served, start) => {
  const { serve } = served;
  beforeEach(() => {
    served.http = http;
  });

  it("answers HTTP when a handler fails, and HEAD without ending the connection", async () => {
    const { server } = await serve();
    expect((await fetch(`http://127.0.0.1:${server.port}/broken`)).status).toBe(500);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (method: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const options = { port: server.port, host: "127.0.0.1", method, path: "/x", agent };
        const request = httpRequest(options, (response) => {
          response.resume().on("end", () => resolve(response.statusCode));
        });
        request.on("error", reject).end();
      });
    for (const method of ["HEAD", "GET", "HEAD", "HEAD", "GET"]) expect(await ask(method)).toBe(200);
    agent.destroy();
  });

  it("serves plain HTTP beside the stream", async () => {
    const { server } = await serve();
    const response = await fetch(`http://127.0.0.1:${server.port}/some/path?a=b%20c`);
    expect([response.status, await response.text()]).toEqual([200, "/some/path b c"]);
    const head = await fetch(`http://127.0.0.1:${server.port}/x`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  it("tells a request that reaches a WebSocket's path without its upgrade what is missing", async () => {
    const { server } = await serve();
    const response = await fetch(`http://127.0.0.1:${server.port}/stream?x=1`);
    expect([response.status, response.headers.get("upgrade")]).toEqual([426, "websocket"]);
    expect(await response.text()).toMatch(/^\/stream is a WebSocket.*proxy.*Upgrade and Connection/);
  });

  it("says so when the port is taken", async () => {
    const { log, server } = await serve();
    const again = startStream(start, {
      ...dependencies(log, defaultStreamOptions),
      port: server.port,
    });
    await expect(again).rejects.toThrow(/EADDRINUSE/);
  });
});
