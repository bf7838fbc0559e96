import { z } from "zod";
import { filterProblem } from "../model/filter.ts";
import { domains } from "../model/reading.ts";
import { defaultStreamOptions } from "../stream/options.ts";
import { maxCommandTimeoutMs } from "../wire/messages.ts";
import { contexts, isTimezone } from "./context-config.ts";
import { insights } from "./insight-config.ts";
import { sources } from "./source-config.ts";
import { webhooks } from "./webhook-config.ts";

// Every number has an upper bound that no installation needs to pass: a timer of Node.js that is told to wait longer than
// 2^31-1 ms fires at once, and a bound in bytes or counts that never holds is none.
const whole = (min: number, max: number) => z.int().min(min).max(max);
const port = whole(0, 65_535);
const hourMs = 3_600_000;
const mebibyte = 1024 * 1024;
/** MQTT 3.1.1, 2.2.3. */
const maxMqttPacketBytes = 268_435_455;
/** What SQLite can hold in pages of 4 KiB (https://www.sqlite.org/limits.html, 13 and 14). */
const maxRingBytes = 2 ** 44;

const mqtt = z
  .strictObject({
    port: port.default(1883).describe("Port of the MQTT broker; 0 takes any free one"),
    maxConnections: whole(1, 1_000_000).default(10_000).describe("More device connections are refused"),
    maxPacketBytes: whole(1, maxMqttPacketBytes)
      .default(2 * mebibyte)
      .describe(
        "A device that announces a larger packet is disconnected. Payloads from 1 MiB are quarantined",
      ),
    maxInflightPublishes: whole(1, 65_535)
      .default(200)
      .describe(
        "Publishes of one device that wait for the commit; then its socket is not read until some are done",
      ),
    maxPublishesPerSecond: whole(0, 1_000_000)
      .default(0)
      .describe("A device that sends faster is slowed down, never dropped; 0 = no limit"),
    drainTimeoutMs: whole(1, hourMs)
      .default(10_000)
      .describe("An MQTT subscriber that does not read for this long is disconnected"),
    websocket: z
      .boolean()
      .default(true)
      .describe(
        "Serve MQTT over WebSocket at `/mqtt` on the HTTP port. `stream.allowedOrigins` holds there too",
      ),
    normalized: z
      .boolean()
      .default(true)
      .describe(
        "Send readings to MQTT subscribers of their topics (`gps/#`) as JSON. What clients publish to these topics then reaches the gateway only",
      ),
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
    maxAgeHours: z
      .number()
      .positive()
      .max(1_000_000)
      .default(168)
      .describe("Readings older than this are evicted; while nothing else comes, up to a minute later"),
    maxBytes: whole(mebibyte, maxRingBytes)
      .default(1024 * mebibyte)
      .describe("The oldest readings are evicted when the log is larger"),
    domains: z
      .array(
        z.strictObject({
          domain: z
            .string()
            .regex(/^[^/+#]+$/, "the first level of topics, such as `fare`")
            .describe("First level of topics, such as `fare`"),
          maxAgeHours: z
            .number()
            .positive()
            .max(1_000_000)
            .optional()
            .describe(
              "Readings observed longer ago are not in its history; while nothing else comes, up to a minute later",
            ),
          maxBytes: whole(mebibyte, maxRingBytes)
            .optional()
            .describe(
              "The oldest of its history are dropped when it is larger, a 64th at a time; the disk has up to 32 MiB more of them",
            ),
        }),
      )
      .default([])
      .describe(
        "Tighter limits of one domain's history: what is found by topic and time. Cursors resume within the ring's own",
      ),
    gatherMs: whole(0, 1_000)
      .default(20)
      .describe(
        "Under load commits are spaced by this, which saves CPU and delays an acknowledgement by up to as much; 0 commits at once. Where `stream.batchMs` is 0, at most 2. Milliseconds",
      ),
    storeWithinMs: whole(0, 10_000)
      .default(250)
      .describe(
        "What comes with QoS 0 is shown at once and stored within so long, since no device is told that it is: fewer and larger commits. A crash loses that much of it, and who saw it is told by a gap. 0 stores all before it is shown. Milliseconds",
      ),
    durability: z
      .enum(["process", "power-loss"])
      .default("process")
      .describe(
        "What an acknowledged reading survives: the end of the process, or loss of power too (one fsync per commit)",
      ),
    recentReadings: whole(0, 10_000_000)
      .default(65_536)
      .describe(
        "A reading with the device, channel, time and values of one of so many newest is the same, sent again, and stored once. 0 stores each",
      ),
    tailBytes: whole(1, 65_536 * mebibyte)
      .default(64 * mebibyte)
      .describe(
        "Memory for the newest readings, from which most resuming clients are served; also for those that a full or failing disk does not take yet",
      ),
    maxTopics: whole(1, 10_000_000)
      .default(100_000)
      .describe("Readings of more topics than this are quarantined"),
  })
  .prefault({});

const stream = z
  .strictObject({
    batchMs: whole(0, 60_000)
      .default(defaultStreamOptions.batchMs)
      .describe(
        "How long readings gather before they are sent together. What comes with QoS 0 gathers that long (100 at most) before it is looked at, since nobody waits for an acknowledgement. 0 sends at once. Milliseconds",
      ),
    heartbeatMs: whole(100, hourMs)
      .default(defaultStreamOptions.heartbeatMs)
      .describe("Every connection hears from the gateway at least this often"),
    silentMs: whole(1_000, 24 * hourMs)
      .default(defaultStreamOptions.silentMs)
      .describe("A connection that answers no ping for this long, with nothing left to send, is dropped"),
    maxBufferBytes: whole(1, 1024 * mebibyte)
      .default(defaultStreamOptions.maxBufferBytes)
      .describe(
        "Bytes sent to one connection that its client has not read, in the kernel's buffers or here; beyond, it catches up from the log at its own pace",
      ),
    maxConnections: whole(1, 1_000_000)
      .default(defaultStreamOptions.maxConnections)
      .describe("WebSockets and event streams at once; more are refused with status 503"),
    maxSubscriptions: whole(1, 65_536)
      .default(defaultStreamOptions.maxSubscriptions)
      .describe("Subscriptions of one connection; more are refused"),
    maxLastReadings: whole(1, 1_000_000)
      .default(defaultStreamOptions.maxLastReadings)
      .describe("Newest readings that one subscription may ask for, of all its topics; more are refused"),
    maxReplayBytes: whole(1, 65_536 * mebibyte)
      .default(defaultStreamOptions.maxReplayBytes)
      .describe(
        "What all replays together keep of their topics (512 bytes each, where they have a box or a rate) and of readings to send (8 bytes each); more are refused",
      ),
    maxInflightPublishes: whole(1, 65_536)
      .default(defaultStreamOptions.maxInflightPublishes)
      .describe("Publishes of one connection that wait for the commit; more are refused"),
    maxStreamingReplies: whole(1, 65_536)
      .default(defaultStreamOptions.maxStreamingReplies)
      .describe("Long HTTP replies, such as exports, at once; more are refused with status 503"),
    stalledReplyMs: whole(1_000, 24 * hourMs)
      .default(defaultStreamOptions.stalledReplyMs)
      .describe("A long HTTP reply whose client takes nothing for this long is broken off"),
    maxInflightCommands: whole(1, 65_536)
      .default(defaultStreamOptions.maxInflightCommands)
      .describe("Commands of one connection that wait for the device's answer; more are refused"),
    allowedOrigins: z
      .array(
        z.string().superRefine((origin, context) => {
          const problem = originProblem(origin);
          if (problem) context.addIssue({ code: "custom", message: problem });
        }),
      )
      .default([])
      .describe(
        "Origins of other web pages that may connect, as `https://example.org`; `*` allows every page",
      ),
  })
  .prefault({});

const commands = z
  .strictObject({
    allow: z
      .array(
        z.string().superRefine((filter, context) => {
          const problem = filterProblem(filter) ?? allowProblem(filter);
          if (problem) context.addIssue({ code: "custom", message: problem });
        }),
      )
      .default([])
      .describe(
        "Devices that whoever reads the stream may send commands to, as filters of their topics: `gps/#`. Empty: none",
      ),
    timeoutMs: whole(1, maxCommandTimeoutMs)
      .default(5_000)
      .describe("How long a device may take to answer where the request says nothing"),
    maxInflight: whole(1, 1_000_000)
      .default(1_000)
      .describe("Commands of all connections that wait for the device's answer; more are refused"),
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
  shutdownGraceMs: whole(0, hourMs)
    .default(5_000)
    .describe("On SIGTERM: time to commit, acknowledge and say goodbye before the process ends anyway"),
  mqtt,
  http,
  ring,
  stream,
  commands,
  contexts,
  insights,
  sources,
  webhooks,
});

/** Why no command could ever go to a topic that this filter matches; null if one can. */
function allowProblem(filter: string): string | null {
  const [level = ""] = filter.split("/");
  if (["#", "+", ...domains].includes(level)) return null;
  return `${filter} matches no device: these are topics of readings, which begin with ${domains.join(", ")}`;
}

/** Why no browser ever sends this as a page's origin (https://www.rfc-editor.org/rfc/rfc6454, 6.2); null if one can. */
function originProblem(text: string): string | null {
  if (text === "*" || text === "null") return null;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/.test(text)) {
    const origin = URL.canParse(text) ? new URL(text).origin : "null";
    const instead = origin === "null" ? "https://example.org" : origin;
    return `${text} can never match: an origin is a scheme, a host and perhaps a port, nothing after them; write ${instead}`;
  }
  if (!/^https?:/.test(text)) return null;
  if (!URL.canParse(text)) return `${text} is not an origin; write it as https://example.org`;
  const { origin } = new URL(text);
  return origin === text ? null : `${text} can never match: browsers write it ${origin}`;
}

export type Config = z.infer<typeof configSchema>;
