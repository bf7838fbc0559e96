import { z } from "zod";
import { defaultStreamOptions } from "../stream/options.ts";
import { contexts, isTimezone } from "./context-config.ts";
import { sources } from "./source-config.ts";

const port = z.int().min(0).max(65_535);
const positive = z.int().min(1);

const mqtt = z
  .strictObject({
    port: port.default(1883).describe("Port of the MQTT broker; 0 takes any free one"),
    maxConnections: positive.default(10_000).describe("More device connections are refused"),
    maxPacketBytes: positive
      .default(2 * 1024 * 1024)
      .describe(
        "A device that announces a larger packet is disconnected. Payloads from 1 MiB are quarantined",
      ),
    maxInflightPublishes: positive
      .default(200)
      .describe(
        "Publishes of one device that wait for the commit; then its socket is not read until some are done",
      ),
    maxPublishesPerSecond: z
      .int()
      .min(0)
      .default(0)
      .describe("A device that sends faster is slowed down, never dropped; 0 = no limit"),
    drainTimeoutMs: positive
      .default(10_000)
      .describe("An MQTT subscriber that does not read for this long is disconnected"),
  })
  .prefault({});

const http = z
  .strictObject({
    port: port.default(8080).describe("Port of the dashboard, the stream and the API; 0 takes any free one"),
  })
  .prefault({});

const ring = z
  .strictObject({
    engine: z
      .enum(["sqlite", "memory"])
      .default("sqlite")
      .describe("Where the log is kept. `memory` forgets everything at the end of the process"),
    maxAgeHours: z.number().positive().default(168).describe("Readings older than this are evicted"),
    maxBytes: positive
      .min(1024 * 1024)
      .default(1024 * 1024 * 1024)
      .describe("The oldest readings are evicted when the log is larger"),
    durability: z
      .enum(["process", "power-loss"])
      .default("process")
      .describe(
        "What an acknowledged reading survives: the end of the process, or loss of power too (one fsync per commit)",
      ),
    tailBytes: positive
      .default(64 * 1024 * 1024)
      .describe("Memory for the newest readings, from which most resuming clients are served"),
    maxTopics: positive.default(100_000).describe("Readings of more topics than this are quarantined"),
  })
  .prefault({});

const stream = z
  .strictObject({
    batchMs: z
      .int()
      .min(0)
      .default(defaultStreamOptions.batchMs)
      .describe("How long readings gather before they are sent together; 0 sends each commit at once"),
    heartbeatMs: z
      .int()
      .min(100)
      .default(defaultStreamOptions.heartbeatMs)
      .describe("Every connection hears from the gateway at least this often"),
    silentMs: z
      .int()
      .min(1_000)
      .default(defaultStreamOptions.silentMs)
      .describe("A connection that answers no ping for this long, with nothing left to send, is dropped"),
    maxBufferBytes: positive
      .default(defaultStreamOptions.maxBufferBytes)
      .describe("Unsent bytes of one connection; beyond, it catches up from the log at its own pace"),
    maxConnections: positive
      .default(defaultStreamOptions.maxConnections)
      .describe("More are refused with status 503"),
    maxSubscriptions: positive
      .default(defaultStreamOptions.maxSubscriptions)
      .describe("Subscriptions of one connection; more are refused"),
    maxInflightPublishes: positive
      .default(defaultStreamOptions.maxInflightPublishes)
      .describe("Publishes of one connection that wait for the commit; more are refused"),
    allowedOrigins: z
      .array(z.string())
      .default([])
      .describe(
        "Origins of other web pages that may connect, as `https://example.org`; `*` allows every page",
      ),
  })
  .prefault({});

/**
 * The whole configuration: the only place where a key, its type, its default and its explanation are written. Flags,
 * environment names and config/REFERENCE.md come from it.
 */
export const configSchema = z.strictObject({
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("Address to listen on. Anything but a loopback address needs `allowAnonymous`"),
  allowAnonymous: z
    .boolean()
    .default(false)
    .describe(
      "Everyone who can reach the gateway may publish and read. Must be set to listen beyond loopback",
    ),
  dataDir: z.string().min(1).default("./data").describe("Folder of the log's file; made if absent"),
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error", "silent"])
    .default("info")
    .describe("What is worth a line on standard output"),
  timezone: z
    .string()
    .refine(isTimezone, "not an IANA time zone such as Europe/Berlin")
    .optional()
    .describe(
      "Zone of devices that send local times without an offset, as `Europe/Berlin`. Unset: time of receipt",
    ),
  transport: z
    .enum(["auto", "uws", "ws"])
    .default("auto")
    .describe("`uws` is uWebSockets.js, `ws` runs everywhere; `auto` takes uws where it loads"),
  shutdownGraceMs: z
    .int()
    .min(0)
    .default(5_000)
    .describe("On SIGTERM: time to commit, acknowledge and say goodbye before the process ends anyway"),
  mqtt,
  http,
  ring,
  stream,
  contexts,
  sources,
});

export type Config = z.infer<typeof configSchema>;
