import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { BodyPieces, HttpReply } from "../../src/model/http.ts";
import { defaultStreamOptions, type StreamOptions } from "../../src/stream/options.ts";
import { type StreamServer, startStream } from "../../src/stream/stream.ts";
import type { StartTransport } from "../../src/stream/transport.ts";
import { openTestLog } from "../support/log.ts";
import { dependencies, transports } from "./served.ts";

const pieceBytes = 40_000;

/** A body that counts what is asked of it. Its bytes tell their place, so that a lost or doubled one is seen. */
class Body {
  pulled = 0;
  returned = 0;
  readonly pieces: number;
  /** Called ahead of each piece with its number. */
  before: (piece: number) => void | Promise<void> = () => {};

  constructor(pieces: number) {
    this.pieces = pieces;
  }

  /** Called before the reply is given. */
  prepare: () => Promise<void> = async () => {};

  async reply(): Promise<HttpReply> {
    await this.prepare();
    return { status: 200, headers: { "content-type": "text/plain" }, body: this.stream() };
  }

  private stream(): BodyPieces {
    let at = 0;
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          if (at >= this.pieces) return { done: true, value: undefined };
          await this.before(at);
          this.pulled++;
          return { done: false, value: piece(at++) };
        },
        return: async () => {
          this.returned++;
          return { done: true, value: undefined };
        },
      }),
    };
  }
}

/** Texts and bytes of different lengths. */
function piece(n: number): string | Uint8Array {
  const text = `${n}:`.repeat(1 + (n % 7) + (n % 3 === 0 ? pieceBytes / 8 : 0));
  return n % 2 === 0 ? text : Buffer.from(text);
}

function wholeText(pieces: number): string {
  return Array.from({ length: pieces }, (_, n) => piece(n).toString()).join("");
}

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

/** Serves `/<number>` from this list. */
async function serve(
  start: StartTransport,
  bodies: readonly Body[],
  options: Partial<StreamOptions> = {},
): Promise<StreamServer> {
  const log = await openTestLog();
  const server = await startStream(start, {
    ...dependencies(log, { ...defaultStreamOptions, ...options }),
    http: async ({ path }) =>
      (await bodies[Number(path.slice(1))]?.reply()) ?? { status: 200, body: "whole" },
  });
  opened.push(log, { close: () => server.close(100) });
  return server;
}

/** Asks and does not read the body. */
async function ask({ port }: StreamServer, path = "/0", method = "GET"): Promise<IncomingMessage> {
  const request: ClientRequest = httpRequest({ port, host: "127.0.0.1", path, method, agent: false });
  opened.push({ close: () => request.destroy() });
  request.on("error", () => {});
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.on("error", () => {});
  return response.pause();
}

/** A client that asks and then reads nothing at all. */
async function stall({ port }: StreamServer, path = "/0"): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  opened.push({ close: () => socket.destroy() });
  socket.on("error", () => {});
  socket.pause();
  await once(socket, "connect");
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return socket;
}

async function untilStill(body: Body): Promise<number> {
  let before = -1;
  await expect
    .poll(
      () => {
        const isStill = body.pulled > 0 && body.pulled === before;
        before = body.pulled;
        return isStill;
      },
      { interval: 250, timeout: 10_000 },
    )
    .toBe(true);
  return body.pulled;
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe.each(transports)("$name, replies in pieces", ({ start }) => {
  it("sends the pieces in order, chunked, and serves on over the same connection", async () => {
    const server = await serve(start, [new Body(500), new Body(0)]);
    for (let round = 0; round < 2; round++) {
      const response = await fetch(`http://127.0.0.1:${server.port}/0`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/plain"]);
      expect(response.headers.get("content-length")).toBeNull();
      expect((await response.text()) === wholeText(500)).toBe(true);
      expect(await (await fetch(`http://127.0.0.1:${server.port}/1`)).text()).toBe("");
    }
  });

  it("asks a body for no more than a slow client takes, and loses nothing", async () => {
    const body = new Body(3_000);
    const server = await serve(start, [body]);
    const response = await ask(server);
    const pulled = await untilStill(body);
    expect(pulled).toBeLessThan(1_500);
    // In fits and starts, so that the connection fills up again and again.
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (chunks.length % 50 !== 0) return;
      response.pause();
      setImmediate(() => response.resume());
    });
    await once(response.resume(), "end");
    expect(Buffer.concat(chunks).toString() === wholeText(3_000)).toBe(true);
    expect(body.returned).toBe(0);
  });

  it("has a place for everyone: many at once, fast and slow", async () => {
    const bodies = Array.from({ length: 20 }, () => new Body(500));
    const server = await serve(start, bodies);
    const stalled = await Promise.all([0, 1, 2, 3].map((n) => stall(server, `/${n}`)));
    const texts = await Promise.all(
      bodies.slice(4).map(async (_, n) => (await fetch(`http://127.0.0.1:${server.port}/${n + 4}`)).text()),
    );
    const expected = wholeText(500);
    expect(texts.every((text) => text === expected)).toBe(true);
    expect(stalled.every((socket) => !socket.destroyed)).toBe(true);
  });

  it("tells the body when the client leaves, in the middle of a piece too", async () => {
    const waiting = new Body(10);
    waiting.before = (n) => (n === 1 ? new Promise(() => {}) : undefined);
    const flowing = new Body(100_000);
    const server = await serve(start, [flowing, waiting]);
    for (const [path, body] of [
      ["/0", flowing],
      ["/1", waiting],
    ] as const) {
      const response = await ask(server, path);
      await once(response.resume(), "data");
      response.destroy();
      await expect.poll(() => body.returned).toBe(1);
    }
    const { pulled } = flowing;
    expect(await (await fetch(`http://127.0.0.1:${server.port}/x`)).text()).toBe("whole");
    expect(flowing.pulled).toBe(pulled);
  });

  it("tells the body when the client leaves before the reply is there", async () => {
    const body = new Body(10);
    const asked = new Promise<void>((resolve) => {
      body.prepare = () => {
        resolve();
        return left;
      };
    });
    let leave = () => {};
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const server = await serve(start, [body]);
    const socket = await stall(server);
    await asked;
    socket.resetAndDestroy();
    await once(socket, "close");
    leave();
    await expect.poll(() => body.returned).toBe(1);
  });

  it("breaks the connection when the body fails in the middle: never a clean end", async () => {
    const body = new Body(100);
    body.before = (n) => {
      if (n === 50) throw new Error("a fault");
    };
    const server = await serve(start, [body]);
    const response = await ask(server);
    await expect(read(response)).rejects.toThrow(/aborted|reset/);
    expect(response.complete).toBe(false);
    expect(await (await fetch(`http://127.0.0.1:${server.port}/x`)).text()).toBe("whole");
  });

  it("answers with 500 when the body fails before its first piece", async () => {
    const body = new Body(100);
    body.before = () => Promise.reject(new Error("a fault"));
    const server = await serve(start, [body]);
    const response = await fetch(`http://127.0.0.1:${server.port}/0`);
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining("internal error"),
    ]);
  });

  it("answers a HEAD without asking for a piece", async () => {
    const body = new Body(100);
    const server = await serve(start, [body]);
    const response = await fetch(`http://127.0.0.1:${server.port}/0`, { method: "HEAD" });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/plain"]);
    expect(await response.text()).toBe("");
    expect([body.pulled, body.returned]).toEqual([0, 1]);
    expect(await (await fetch(`http://127.0.0.1:${server.port}/x`)).text()).toBe("whole");
  });

  it("refuses more than allowed at once, and takes others when one is over", async () => {
    const bodies = [new Body(100_000), new Body(100_000), new Body(5)];
    const server = await serve(start, bodies, { maxStreamingReplies: 2 });
    const [first] = await Promise.all([ask(server, "/0"), ask(server, "/1")]);
    const refused = await fetch(`http://127.0.0.1:${server.port}/2`);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    expect((await refused.json()) as object).toMatchObject({
      error: expect.stringContaining("maxStreamingReplies"),
    });
    expect([bodies[2]?.pulled, bodies[2]?.returned]).toEqual([0, 1]);
    expect((await fetch(`http://127.0.0.1:${server.port}/x`)).status).toBe(200);
    first.destroy();
    const again = async () => (await fetch(`http://127.0.0.1:${server.port}/2`)).status;
    await expect.poll(again).toBe(200);
  });

  it("gives up a client that takes nothing for too long", async () => {
    const body = new Body(100_000);
    const server = await serve(start, [body], { stalledReplyMs: 300 });
    const response = await ask(server);
    await expect.poll(() => body.returned).toBe(1);
    await expect(read(response)).rejects.toThrow(/aborted|reset/);
  });

  it("ends what is open when the server closes", async () => {
    const body = new Body(100_000);
    const server = await serve(start, [body]);
    const response = await ask(server);
    await server.close(100);
    await expect.poll(() => body.returned).toBe(1);
    await expect(read(response)).rejects.toThrow(/aborted|reset/);
  });
});

it("a client may take nothing for longer than a library's own patience", async () => {
  const waits = transports.map(async ({ start }) => {
    const body = new Body(5_000);
    const server = await serve(start, [body]);
    const response = await ask(server);
    await untilStill(body);
    // uWebSockets.js would close the connection after 8 to 12 seconds.
    await new Promise((resolve) => setTimeout(resolve, 14_000));
    return (await read(response)) === wholeText(5_000);
  });
  expect(await Promise.all(waits)).toEqual([true, true]);
}, 60_000);
