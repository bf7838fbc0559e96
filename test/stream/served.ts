import { afterEach, beforeEach, describe } from "vitest";
import type { Log } from "../../src/log/contract.ts";
import { type Clock, systemClock } from "../../src/model/clock.ts";
import type { HttpHandler } from "../../src/model/http.ts";
import type { Packet } from "../../src/model/packet.ts";
import { silentLogger } from "../../src/observe/log.ts";
import { defaultStreamOptions, type StreamOptions } from "../../src/stream/options.ts";
import {
  type OnPublish,
  type StreamDependencies,
  type StreamServer,
  startStream,
} from "../../src/stream/stream.ts";
import type { Socket, StartTransport } from "../../src/stream/transport.ts";
import { startUws } from "../../src/stream/transports/uws.ts";
import { startWs } from "../../src/stream/transports/ws.ts";
import { type Subprotocol, subprotocols } from "../../src/wire/messages.ts";
import { openTestLog } from "../support/log.ts";
import { StreamClient } from "../support/stream-client.ts";

/** What a test of the stream stands on: servers on one transport and clients of one subprotocol, closed after each test. */
export interface Served {
  readonly subprotocol: Subprotocol;
  /** What the server has sent on every connection. */
  readonly sent: { bytes: number }[];
  /** What clients published. */
  readonly published: Packet[];
  /** What comes of it. */
  onPublish: OnPublish;
  http: HttpHandler;
  /** Serves a log of its own, or the given one. */
  serve(options?: Partial<StreamOptions>, log?: Log): Promise<{ log: Log; server: StreamServer }>;
  join(server: StreamServer, offer?: Subprotocol | null): Promise<StreamClient>;
  /** What is to be closed after the test. */
  keep<Thing extends { close(): unknown }>(thing: Thing): Thing;
}

/** What a server in a test needs besides its log and its options. */
export function dependencies(
  log: Log,
  options: StreamOptions,
  clock: Clock = systemClock,
): StreamDependencies {
  return {
    log,
    clock,
    logger: silentLogger,
    http: async () => ({ status: 200 }),
    onPublish: async () => null,
    options,
    host: "127.0.0.1",
    port: 0,
  };
}

export const transports: readonly { readonly name: string; readonly start: StartTransport }[] = [
  { name: "uws", start: startUws },
  { name: "ws", start: startWs },
];

/** Every promise of a session holds on each transport and in both subprotocols. */
export function describeStream(define: (served: Served, start: StartTransport) => void): void {
  const combinations = transports.flatMap((transport) =>
    subprotocols.map((subprotocol) => ({ ...transport, subprotocol })),
  );
  describe.each(combinations)("$name, $subprotocol", ({ start, subprotocol }) => {
    define(serveOn(start, subprotocol), start);
  });
}

function serveOn(start: StartTransport, subprotocol: Subprotocol): Served {
  const opened: { close(): unknown }[] = [];
  const keep = <Thing extends { close(): unknown }>(thing: Thing): Thing => {
    opened.push(thing);
    return thing;
  };
  const served: Served = {
    subprotocol,
    sent: [],
    published: [],
    onPublish: async () => null,
    http: async () => ({ status: 200 }),
    keep,
    serve: async (options = {}, log) => {
      const used = log ?? keep(await openTestLog());
      const all = dependencies(used, { ...defaultStreamOptions, batchMs: 5, ...options });
      const server = await startStream(spied(start, served.sent), {
        ...all,
        http: (request) => served.http(request),
        onPublish: (packet) => {
          served.published.push(packet);
          return served.onPublish(packet);
        },
      });
      keep({ close: () => server.close(500) });
      return { log: used, server };
    },
    join: async ({ port }, offer = subprotocol) => keep(await StreamClient.open(port, offer)),
  };
  beforeEach(() => {
    served.published.length = 0;
    served.onPublish = async () => null;
  });
  afterEach(async () => {
    for (const thing of opened.splice(0).reverse()) await thing.close();
    served.sent.length = 0;
  });
  return served;
}

function spied(start: StartTransport, sent: { bytes: number }[]): StartTransport {
  return (options) =>
    start({
      ...options,
      accept: (socket) => {
        sent.push(counted(socket));
        return options.accept(socket);
      },
    });
}

function counted(socket: Socket): { bytes: number } {
  const sent = { bytes: 0 };
  const send = socket.send.bind(socket);
  socket.send = (frame) => {
    sent.bytes += Buffer.byteLength(frame);
    send(frame);
  };
  return sent;
}
