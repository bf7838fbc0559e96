import type { RouterSettings } from "../formats/contexts.ts";
import { createRouter } from "../formats/registry.ts";
import type { Clock } from "../model/clock.ts";
import type { Packet } from "../model/packet.ts";
import { isoTime } from "../model/reading.ts";
import { silentLogger } from "../observe/log.ts";
import { createRetry, decodeAgain } from "../pipeline/retry.ts";
import type { Config } from "./config.ts";
import { routerSettings } from "./context-config.ts";
import type { Printer } from "./decode-command.ts";
import { openConfiguredLog } from "./open-log.ts";

export interface QuarantineFlags {
  /** The running gateway; undefined to open the log's file, for which the gateway must be stopped. */
  readonly url: string | undefined;
  /** Puts what can be read now into the log. */
  readonly commit: boolean;
}

/** What is printed for one packet, as for a message of a file. */
interface Row {
  readonly id: number;
  readonly topic: string;
  readonly readings: readonly object[];
  readonly rejected: string | null;
}

/** Packets asked for at a time. */
const pageSize = 500;
const requestTimeoutMs = 60_000;

/**
 * `fieldcast decode --quarantine`: tries every quarantined packet again, the oldest first, and prints a line for each. A dry
 * run uses the configuration given here; with `commit` and a `url` the running gateway uses its own. Returns the exit code: 1
 * if the quarantine cannot be reached.
 */
export async function decodeQuarantine(
  { url, commit }: QuarantineFlags,
  config: Config,
  clock: Clock,
  port: Printer,
): Promise<number> {
  const print = (rows: readonly Row[]) => {
    for (const { id, topic, readings, rejected } of rows) {
      port.out(`${JSON.stringify({ file: "quarantine", name: `#${id} ${topic}`, readings, rejected })}\n`);
    }
  };
  try {
    if (url === undefined) await retryFile(commit, config, clock, print);
    else if (commit) await retryOverHttp(url, print);
    else print(decodeAll(await fetchAll(url), [], routerSettings(config)));
    return 0;
  } catch (error) {
    port.err(`${url ?? config.dataDir}: ${(error as Error).message}\n`);
    return 1;
  }
}

async function retryFile(
  commit: boolean,
  config: Config,
  clock: Clock,
  print: (rows: readonly Row[]) => void,
): Promise<void> {
  const log = await openConfiguredLog(config, clock, silentLogger);
  try {
    const settings = routerSettings(config);
    const retry = createRetry(log, () => createRouter(settings));
    for (let after = 0; ; ) {
      const packets = await log.quarantined(pageSize, { after, oldestFirst: true });
      const last = packets.at(-1);
      if (!last) return;
      const query = { after, before: last.id + 1 };
      print(
        commit ? (await retry(pageSize, query)).map(toRow) : decodeAll(packets, log.remembered(), settings),
      );
      after = last.id;
    }
  } finally {
    await log.close();
  }
}

async function retryOverHttp(url: string, print: (rows: readonly Row[]) => void): Promise<void> {
  for (let since = 0; ; ) {
    const path = `/api/v1/quarantine/retry?limit=${pageSize}&since=${since}`;
    const { packets } = await request<{ packets: Row[] }>(url, "POST", path);
    const last = packets.at(-1);
    if (!last) return;
    print(packets);
    since = last.id;
  }
}

type IdPacket = Packet & { readonly id: number };

/** Oldest first. The gateway bounds how many there are. */
async function fetchAll(url: string): Promise<IdPacket[]> {
  const all: IdPacket[] = [];
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const path = `/api/v1/quarantine?limit=${pageSize}&before=${before}`;
    const { packets } = await request<{ packets: ListedPacket[] }>(url, "GET", path);
    const last = packets.at(-1);
    if (!last) return all.reverse();
    for (const listed of packets) {
      const packet = await fetchWhole(url, listed);
      if (packet) all.push(packet);
    }
    before = last.id;
  }
}

/** The packet with its whole payload, of which a list shows the beginning; null if it has left the quarantine since. */
async function fetchWhole(url: string, listed: ListedPacket): Promise<IdPacket | null> {
  const { id, topic, client, receivedAt, payloadBytes } = listed;
  let payload = Buffer.from(listed.payloadBase64, "base64");
  if (payload.length < payloadBytes) {
    const response = await send(url, "GET", `/api/v1/quarantine/${id}`);
    if (response.status === 404) return null;
    const whole = await answerOf<ListedPacket>(response);
    payload = Buffer.from(whole.payloadBase64, "base64");
  }
  return { id, topic, client, payload, receivedAt: Date.parse(receivedAt) };
}

interface ListedPacket {
  readonly id: number;
  readonly topic: string;
  readonly client: string | null;
  readonly receivedAt: string;
  /** Length of the whole payload. */
  readonly payloadBytes: number;
  readonly payloadBase64: string;
}

function decodeAll(
  packets: readonly IdPacket[],
  remembered: readonly Packet[],
  settings: RouterSettings,
): Row[] {
  const route = createRouter(settings);
  for (const packet of remembered) route(packet.topic)?.decode(packet);
  return packets.map(({ id, ...packet }) =>
    toRow({ id, topic: packet.topic, ...decodeAgain(route, packet) }),
  );
}

function toRow({
  id,
  topic,
  readings,
  rejected,
}: Omit<Row, "readings"> & { readings: readonly { time: number }[] }): Row {
  return {
    id,
    topic,
    rejected,
    readings: readings.map((reading) => ({ ...reading, time: isoTime(reading.time) })),
  };
}

/** @throws Error that says what the gateway answered, or that it cannot be reached */
async function request<Answer>(url: string, method: "GET" | "POST", path: string): Promise<Answer> {
  return answerOf(await send(url, method, path));
}

function send(url: string, method: "GET" | "POST", path: string): Promise<Response> {
  const signal = AbortSignal.timeout(requestTimeoutMs);
  return fetch(new URL(path, url), { method, signal }).catch((error: Error) => {
    const cause = error.cause instanceof Error ? error.cause.message : error.message;
    throw new Error(`the gateway cannot be reached (${cause}); is it running? Without one, use --data-dir`);
  });
}

async function answerOf<Answer>(response: Response): Promise<Answer> {
  if (!response.ok)
    throw new Error(`the gateway answered ${response.status}: ${(await response.text()).trim()}`);
  return (await response.json()) as Answer;
}
