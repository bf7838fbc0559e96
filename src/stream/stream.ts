import type { Duplex } from "node:stream";
import type { Log } from "../log/contract.ts";
import type { Clock } from "../model/clock.ts";
import type { Command, CommandOutcome } from "../model/command.ts";
import type { HttpHandler, HttpReply } from "../model/http.ts";
import type { Packet } from "../model/packet.ts";
import type { Logger } from "../observe/log.ts";
import { subprotocols } from "../wire/messages.ts";
import { ByteStream } from "./byte-stream.ts";
import { createEventsHandler, type EventsDependencies, eventsPath } from "./events.ts";
import { Hub } from "./hub.ts";
import type { StreamOptions } from "./options.ts";
import { PacedSocket } from "./paced-socket.ts";
import { limitReplies } from "./reply-limit.ts";
import { Contained, Sessions } from "./sessions.ts";
import { createSharedEvents, type FindShared, sharedToken } from "./shared-events.ts";
import {
  type Admission,
  mqttSubprotocols,
  type Socket,
  type SocketHandler,
  type StartTransport,
  type Transport,
  type UpgradeRequest,
} from "./transport.ts";

export interface StreamServer {
  readonly transport: Transport["name"];
  readonly port: number;
  connections(): number;
  /** Stops accepting, tells every client to come back, and closes after at most `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** Rejects with LogUnavailable when nothing was stored. */
export type OnPublish = (packet: Packet) => Promise<string | null>;

/** Who serves MQTT inside the WebSockets of `/mqtt`. */
export interface MqttEndpoint {
  /** Largest frame taken; a larger one closes the connection. */
  readonly maxMessageBytes: number;
  /** Takes a connection as the bytes in its frames, with the address it comes from. */
  accept(stream: Duplex, remote: string): void;
}

/** Never rejects. */
export type OnCommand = (command: Command) => Promise<CommandOutcome>;

export interface StreamDependencies {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly http: HttpHandler;
  /** Takes what clients publish: resolves after the commit, to the reason if it was rejected. */
  readonly onPublish: OnPublish;
  /** Absent: there is no `/mqtt`. */
  readonly mqtt?: MqttEndpoint;
  /** Sends a command to a device. Absent: commands are answered with `not-supported`. */
  readonly onCommand?: OnCommand;
  /** What links show. Absent: there are none. */
  readonly onShared?: FindShared;
  readonly options: StreamOptions;
  readonly host: string;
  readonly port: number;
}

/** Starts serving `/stream` and HTTP through `start`. @throws Error when it cannot listen */
export async function startStream(
  start: StartTransport,
  dependencies: StreamDependencies,
): Promise<StreamServer> {
  const { log, clock, logger, mqtt, options, host, port } = dependencies;
  const hub = new Hub(log, options, clock);
  const sessions = new Sessions(hub, logger);
  const openSession = (socket: Socket, client: string): SocketHandler =>
    sessions.accept(socket, {
      publish: async (topic, payload) =>
        dependencies.onPublish({ topic, payload, receivedAt: clock.now(), client }),
      command: dependencies.onCommand ?? noCommands,
    });
  const { allowedOrigins } = options;
  const eventsDependencies: EventsDependencies = {
    refusal: (request) => {
      const page = { origin: request.header("origin"), host: request.header("host") };
      return sessions.refusal() ?? foreignOrigin(page, allowedOrigins);
    },
    accept: (socket) => openSession(socket, "events"),
  };
  const events = createEventsHandler(eventsDependencies);
  const shared = createSharedEvents(dependencies.onShared ?? noShares, eventsDependencies);
  const http = limitReplies(dependencies.http, options);
  const endpoints = {
    "/stream": options.maxMessageBytes,
    ...(mqtt && { "/mqtt": mqtt.maxMessageBytes }),
  };
  const transport = await start({
    host,
    port,
    logger,
    http: async (request) => {
      if (request.path === eventsPath) return events(request);
      if (sharedToken(request.path) !== null) return shared.handle(request);
      return Object.hasOwn(endpoints, request.path) ? upgradeRequired(request.path) : http(request);
    },
    endpoints,
    admit: (request) => {
      const refused = request.path === "/mqtt" ? sessions.closingRefusal() : sessions.refusal();
      return refused ?? admit(request, allowedOrigins, mqtt !== undefined);
    },
    accept: (socket) => {
      if (mqtt && isMqtt(socket)) {
        const stream = new ByteStream(socket, 2 * mqtt.maxMessageBytes);
        mqtt.accept(stream, socket.remote);
        return new Contained(stream, socket, logger);
      }
      const paced = new PacedSocket(socket, options.maxBufferBytes);
      return paced.telling(openSession(paced, `ws:${socket.remote}`));
    },
  }).catch((error: unknown) => {
    shared.close();
    hub.close();
    throw error;
  });
  sessions.startBeating();
  return {
    transport: transport.name,
    port: transport.port,
    connections: () => sessions.size,
    close: async (graceMs) => {
      shared.close();
      await sessions.close(graceMs);
      hub.close();
      await transport.close();
    },
  };
}

function isMqtt({ subprotocol }: Socket): boolean {
  return mqttSubprotocols.some((known) => known === subprotocol);
}

const noCommands: OnCommand = async () => ({
  code: "not-supported",
  problem: "nobody takes commands here",
});

const noShares: FindShared = () => ({ status: 404, message: "nothing is shared here" });

/** For a plain request to a WebSocket's path, which is what is left of an upgrade behind a proxy that does not pass it on. */
function upgradeRequired(path: string): HttpReply {
  return {
    status: 426,
    headers: { "content-type": "text/plain; charset=utf-8", upgrade: "websocket" },
    body: `${path} is a WebSocket; if one was opened, a proxy in between must pass on the headers Upgrade and Connection\n`,
  };
}

/** Decides about a WebSocket from the headers alone. */
function admit(request: UpgradeRequest, allowedOrigins: readonly string[], hasMqtt = false): Admission {
  const isMqttPath = hasMqtt && request.path === "/mqtt";
  if (request.path !== "/stream" && !isMqttPath) {
    const paths = hasMqtt ? "/stream and /mqtt" : "/stream";
    return { ok: false, status: 404, message: `WebSockets are served at ${paths}` };
  }
  const foreign = foreignOrigin(request, allowedOrigins);
  if (foreign) return foreign;
  const { subprotocols: offered } = request;
  const known = isMqttPath ? mqttSubprotocols : subprotocols;
  // A client of MQTT must offer (MQTT-6.0.0-3); one of the stream need not.
  const subprotocol =
    offered.length === 0 && !isMqttPath ? known[0] : known.find((one) => offered.includes(one));
  if (subprotocol) return { ok: true, subprotocol };
  return { ok: false, status: 400, message: `offer a subprotocol that is served: ${known.join(", ")}` };
}

// Browsers send an Origin and let any page open a WebSocket to any host, so a foreign page must be refused here.
function foreignOrigin(
  { origin, host }: Pick<UpgradeRequest, "origin" | "host">,
  allowed: readonly string[],
): Extract<Admission, { ok: false }> | null {
  if (origin === "" || allowed.includes("*") || allowed.includes(origin)) return null;
  if (origin.replace(/^https?:\/\//, "") === host) return null;
  const message = `origin ${origin} may not connect; add it to stream.allowedOrigins in the config`;
  return { ok: false, status: 403, message };
}
