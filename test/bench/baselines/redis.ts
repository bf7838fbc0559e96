import { connect } from "node:net";

/** What goes through Redis: everything under one prefix. */
const pattern = "telemetry/*";

/** Redis' pub/sub between the taking in and the giving out, as several nodes have it. `onMessage` gets what comes back. */
export function connectRedis(
  port: number,
  onMessage: (topic: string, payload: Buffer) => void,
): { publish: (topic: string, payload: Buffer) => void } {
  const subscriber = connect({ port, host: "127.0.0.1", noDelay: true });
  const publisher = connect({ port, host: "127.0.0.1", noDelay: true });
  const replies = new ReplyReader(([kind, , topic, payload]) => {
    if (kind?.toString() === "pmessage" && topic && payload) onMessage(topic.toString(), payload);
  });
  subscriber.on("data", (chunk) => replies.push(chunk));
  subscriber.write(redisCommand("PSUBSCRIBE", Buffer.from(pattern)));
  publisher.resume();
  return { publish: (topic, payload) => publisher.write(redisCommand("PUBLISH", topic, payload)) };
}

/** A command as Redis reads it (https://redis.io/docs/latest/develop/reference/protocol-spec/, "Arrays"). */
export function redisCommand(...parts: readonly (string | Buffer)[]): Buffer {
  const pieces = parts.flatMap((part) => {
    const bytes = Buffer.from(part);
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")];
  });
  return Buffer.concat([Buffer.from(`*${parts.length}\r\n`), ...pieces]);
}

/** Reads arrays of texts and numbers from a stream that may be cut anywhere; of numbers it gives out the digits. */
export class ReplyReader {
  #rest: Buffer = Buffer.alloc(0);
  readonly #onReply: (parts: readonly Buffer[]) => void;

  constructor(onReply: (parts: readonly Buffer[]) => void) {
    this.#onReply = onReply;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const reply = readArray(bytes, at);
      if (reply === null) break;
      at = reply.end;
      this.#onReply(reply.parts);
    }
    this.#rest = bytes.subarray(at);
  }
}

/** The array at `at`; null if it is not complete. */
function readArray(bytes: Buffer, at: number): { parts: readonly Buffer[]; end: number } | null {
  const head = readLine(bytes, at);
  if (head === null) return null;
  const parts: Buffer[] = [];
  let { end } = head;
  for (let left = Number(head.text.slice(1)); left > 0; left--) {
    const line = readLine(bytes, end);
    if (line === null) return null;
    end = line.end;
    if (line.text.startsWith("$")) {
      const length = Number(line.text.slice(1));
      if (end + length + 2 > bytes.length) return null;
      parts.push(bytes.subarray(end, end + length));
      end += length + 2;
    } else parts.push(Buffer.from(line.text.slice(1)));
  }
  return { parts, end };
}

function readLine(bytes: Buffer, at: number): { text: string; end: number } | null {
  const stop = bytes.indexOf("\r\n", at);
  return stop < 0 ? null : { text: bytes.toString("latin1", at, stop), end: stop + 2 };
}
