import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { readShared } from "../../src/ingest/shared-reads.ts";

interface Pair {
  readonly server: Server;
  readonly client: Socket;
  readonly socket: Socket;
}

/** A client and what the server reads it with; `pairs` clients on one server. */
async function connected(pairs: number): Promise<Pair[]> {
  const server = createServer({ allowHalfOpen: true });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const all: Pair[] = [];
  for (let n = 0; n < pairs; n++) {
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    onTestFinished(() => void client.destroy());
    const socket = readShared((await accepted)[0]);
    onTestFinished(() => void socket.destroy());
    all.push({ server, client, socket });
  }
  return all;
}

function gather(socket: Socket): { text: string; readonly memory: Set<ArrayBufferLike> } {
  const got = { text: "", memory: new Set<ArrayBufferLike>() };
  socket.on("data", (chunk: Buffer) => {
    got.text += chunk.toString();
    got.memory.add(chunk.buffer);
  });
  return got;
}

it("reads all sockets into the same memory", async () => {
  const pairs = await connected(2);
  const got = pairs.map(({ socket }) => gather(socket));
  pairs[0]?.client.write("one");
  await expect.poll(() => got[0]?.text).toBe("one");
  pairs[1]?.client.write("two");
  await expect.poll(() => got[1]?.text).toBe("two");
  expect(new Set(got.flatMap(({ memory }) => [...memory])).size).toBe(1);
});

it("reads nothing while it is paused, and loses nothing", async () => {
  const [pair] = await connected(1);
  if (!pair) throw new Error("no pair");
  const { client, socket } = pair;
  const got = gather(socket);
  client.write("a");
  await expect.poll(() => got.text).toBe("a");
  socket.pause();
  const much = "b".repeat(32 * 1024 * 1024);
  client.write(much);
  // More than the kernel takes: the client must wait.
  await expect.poll(() => client.writableLength).toBeGreaterThan(0);
  expect(got.text.length).toBe(1);
  socket.resume();
  await expect.poll(() => got.text.length, { timeout: 20_000 }).toBe(1 + much.length);
});

it("tells of a FIN, and can still answer", async () => {
  const [pair] = await connected(1);
  if (!pair) throw new Error("no pair");
  const { client, socket, server } = pair;
  const got = gather(socket);
  const answer = gather(client);
  const ended = once(socket, "end");
  const closed = once(socket, "close");
  client.end("last words");
  await ended;
  expect(got.text).toBe("last words");
  socket.end("answer");
  await once(client, "end");
  expect(answer.text).toBe("answer");
  await closed;
  // The server knows that its connection is gone.
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

it("knows the other side, and notices that it broke off", async () => {
  const [pair] = await connected(1);
  if (!pair) throw new Error("no pair");
  expect(pair.socket.remoteAddress).toBe("127.0.0.1");
  gather(pair.socket);
  const failed = once(pair.socket, "error");
  pair.client.resetAndDestroy();
  expect((await failed)[0]).toMatchObject({ code: "ECONNRESET" });
  await expect.poll(() => pair.socket.destroyed).toBe(true);
});
