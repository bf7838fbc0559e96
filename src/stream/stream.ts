import type { Duplex } from "node:stream";
import type { Log } from "../log/contract.ts";
import type { Clock } from "../model/clock.ts";
import type { Command, CommandOutcome } from "../model/command.ts";
import { closeCodes } from "../model/errors.ts";
import type { HttpHandler } from "../model/http.ts";
import type { Packet } from "../model/packet.ts";
import type { Logger } from "../observe/log.ts";
import { subprotocols } from "../wire/messages.ts";
import { ByteStream } from "./byte-stream.ts";
import { createEventsHandler, eventsPath } from "./events.ts";
import { Hub } from "./hub.ts";
import type { StreamOptions } from "./options.ts";
import { PacedSocket } from "./paced-socket.ts";
import { limitReplies } from "./reply-limit.ts";
import { Session } from "./session.ts";
import {
  type Admission,
  mqttSubprotocols,
  type Socket,
  type SocketHandler,
  type StartTransport,
  type Transport,
  type UpgradeRequest,
} from "./transport.ts";

/** Heartbeats are spread over this many moments of their period, so that they never come all at once. */
const beatSlots = 16;

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
  const hub = new Hub(log, options);
  const sessions = new Map<Session, number>();
  let accepted = 0;
  let closing = false;
  const full = () => {
    if (closing) return { ok: false as const, status: 503, message: "the gateway is shutting down" };
    if (sessions.size < options.maxConnections) return null;
    const message = `the gateway has ${options.maxConnections} connections, its limit`;
    return { ok: false as const, status: 503, message };
  };
  const openSession = (socket: Socket, client: string): SocketHandler => {
    const session = new Session(socket, hub, {
      onEnd: (ended) => sessions.delete(ended),
      publish: async (topic, payload) =>
        dependencies.onPublish({ topic, payload, receivedAt: clock.now(), client }),
      command: dependencies.onCommand ?? noCommands,
    });
    sessions.set(session, accepted++ % beatSlots);
    return contained(session, socket, logger);
  };
  const events = createEventsHandler({
    refusal: (request) =>
      full() ??
      foreignOrigin(
        { origin: request.header("origin"), host: request.header("host") },
        options.allowedOrigins,
      ),
    accept: (socket) => openSession(socket, "events"),
  });
  const http = limitReplies(dependencies.http, options);
  const transport = await start({
    host,
    port,
    logger,
    http: (request) => (request.path === eventsPath ? events(request) : http(request)),
    endpoints: {
      "/stream": options.maxMessageBytes,
      ...(mqtt && { "/mqtt": mqtt.maxMessageBytes }),
    },
    admit: (request) => {
      const refused = closing || request.path !== "/mqtt" ? full() : null;
      if (refused) return refused;
      return admit(request, options.allowedOrigins, mqtt !== undefined);
    },
    accept: (socket) => {
      if (mqtt && isMqtt(socket)) {
        const stream = new ByteStream(socket, 2 * mqtt.maxMessageBytes);
        mqtt.accept(stream, socket.remote);
        return contained(stream, socket, logger);
      }
      const paced = new PacedSocket(socket, options.maxBufferBytes);
      return paced.telling(openSession(paced, `ws:${socket.remote}`));
    },
  }).catch((error: unknown) => {
    hub.close();
    throw error;
  });
  const beats = startBeating(sessions, clock, options.heartbeatMs);
  return {
    transport: transport.name,
    port: transport.port,
    connections: () => sessions.size,
    close: async (graceMs) => {
      closing = true;
      clearInterval(beats);
      for (const session of sessions.keys())
        session.close(closeCodes.restarting, "the gateway is going down");
      await untilEmpty(sessions, graceMs);
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

/** An exception in a handler would end the process; a fault of ours costs one connection, which comes back and resumes. */
function contained(session: SocketHandler, socket: Socket, logger: Logger): SocketHandler {
  const contain = (step: () => void) => {
    try {
      step();
    } catch (error) {
      logger.error(
        { err: error, remote: socket.remote },
        "a WebSocket session failed; the connection is dropped",
      );
      socket.terminate();
    }
  };
  return {
    onMessage: (data) => contain(() => session.onMessage(data)),
    onPong: () => contain(() => session.onPong()),
    onDrain: () => contain(() => session.onDrain()),
    onClose: () => contain(() => session.onClose()),
  };
}

/** Decides about a WebSocket from the headers alone. Exported for the handshake's tests. */
export function admit(
  request: UpgradeRequest,
  allowedOrigins: readonly string[],
  hasMqtt = false,
): Admission {
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

function startBeating(
  sessions: ReadonlyMap<Session, number>,
  clock: Clock,
  heartbeatMs: number,
): NodeJS.Timeout {
  let slot = 0;
  const timer = setInterval(() => {
    slot = (slot + 1) % beatSlots;
    const now = clock.now();
    for (const [session, ownSlot] of sessions) {
      if (ownSlot === slot) session.beat(now);
    }
  }, heartbeatMs / beatSlots);
  timer.unref();
  return timer;
}

function untilEmpty(sessions: ReadonlyMap<Session, number>, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const stepMs = 10;
    let waitedMs = 0;
    const timer = setInterval(() => {
      waitedMs += stepMs;
      if (sessions.size > 0 && waitedMs < graceMs) return;
      clearInterval(timer);
      resolve();
    }, stepMs);
  });
}
