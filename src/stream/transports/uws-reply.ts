import type * as Uws from "uWebSockets.js";
import type { BodyPieces, HttpReply, HttpRequest } from "../../model/http.ts";
import { internalError, type ReplySink, ReplyWriter, releaseBody } from "../reply-writer.ts";

/**
 * What one write hands to the library. It stays below the library's cork buffer of 16 KiB: builds before April 2026 lose the
 * data of a larger write when the kernel takes nothing of its head (uWebSockets commit 6b7f354).
 */
const sliceBytes = 15 * 1024;

/**
 * Whether what was written has left is known only from the next write, which the library keeps in any case. So while the
 * client is slow a small one asks: less than the room there is when the kernel reports some, thus what is kept never grows.
 */
const probeBytes = 1024;

/** The library closes a connection that takes nothing for 8 to 12 seconds, unless it is told again. */
const awakeMs = 4_000;

/** A native response and whether its client is still there: touching it afterwards ends the process. */
export interface Client {
  readonly response: Uws.HttpResponse;
  left: boolean;
  onLeft: () => void;
}

/** The open replies in pieces of one server. */
export class UwsReplies {
  private readonly open = new Set<UwsReplySink>();
  private readonly timer: NodeJS.Timeout;

  constructor() {
    this.timer = setInterval(() => {
      for (const sink of this.open) sink.stayAwake();
    }, awakeMs);
    this.timer.unref();
  }

  /** Writes a reply in pieces; resolves when it is over. */
  async write(
    client: Client,
    { method }: HttpRequest,
    reply: HttpReply,
    body: BodyPieces,
    onError: (error: unknown) => void,
  ): Promise<void> {
    if (client.left) return releaseBody(body);
    if (method === "HEAD") {
      client.response.cork(() => endHead(client.response, reply, null));
      return releaseBody(body);
    }
    const sink = new UwsReplySink(client, reply);
    const writer = new ReplyWriter(body, sink, { maxStallMs: reply.maxStallMs, onError });
    client.onLeft = () => writer.onLeft();
    client.response.onWritable(() => {
      if (sink.drain()) writer.onRoom();
      return true;
    });
    this.open.add(sink);
    await writer.run();
    this.open.delete(sink);
  }

  close(): void {
    clearInterval(this.timer);
  }
}

/** Must be corked. */
export function writeHead(response: Uws.HttpResponse, { status, headers }: HttpReply): void {
  response.writeStatus(String(status));
  for (const [name, value] of Object.entries(headers ?? {})) response.writeHeader(name, value);
}

/** Answers a HEAD request. Must be corked. @param bytes the length a GET would have, null if nobody knows */
export function endHead(response: Uws.HttpResponse, reply: HttpReply, bytes: number | null): void {
  writeHead(response, reply);
  // The library closes after an answer without a body, whatever it is told; so the client must know.
  response.writeHeader("connection", "close");
  if (bytes === null) response.endWithoutBody();
  else response.endWithoutBody(bytes, true);
}

class UwsReplySink implements ReplySink {
  private readonly client: Client;
  private readonly reply: HttpReply;
  private hasHead = false;
  /** What was not handed over yet. */
  private rest: Uint8Array = new Uint8Array();
  /** The library keeps something that the kernel did not take. */
  private isBehind = false;
  private isOver = false;

  constructor(client: Client, reply: HttpReply) {
    this.client = client;
    this.reply = reply;
  }

  write(piece: string | Uint8Array): boolean {
    this.rest = typeof piece === "string" ? Buffer.from(piece) : piece;
    return this.handOver();
  }

  /** To be called when the kernel has room, since the library leaves draining to us; true when all is handed over. */
  drain(): boolean {
    if (this.isGone) return false;
    this.client.response.cork(() => {});
    return this.handOver();
  }

  end(): void {
    if (this.isGone) return;
    this.isOver = true;
    this.client.response.cork(() => {
      this.writeHeadOnce();
      this.client.response.end();
    });
  }

  fail(): void {
    if (this.hasHead || this.isGone) return this.drop();
    this.isOver = true;
    const { response } = this.client;
    response.cork(() => {
      response.writeStatus("500").writeHeader("content-type", "text/plain; charset=utf-8").end(internalError);
    });
  }

  drop(): void {
    if (this.isGone) return;
    this.isOver = true;
    this.client.response.close();
  }

  /** Starts the library's clock anew, which is what `resume` does; in between nothing happens. */
  stayAwake(): void {
    if (this.isGone) return;
    this.client.response.pause();
    this.client.response.resume();
  }

  private get isGone(): boolean {
    return this.isOver || this.client.left;
  }

  private handOver(): boolean {
    while (this.rest.length > 0) {
      if (this.isGone) return false;
      const bytes = this.isBehind ? probeBytes : sliceBytes;
      const slice = this.rest.subarray(0, bytes);
      this.rest = this.rest.subarray(bytes);
      this.isBehind = !this.writeSlice(slice);
      if (this.isBehind) return false;
    }
    return true;
  }

  private writeSlice(slice: Uint8Array): boolean {
    const { response } = this.client;
    let isTaken = false;
    response.cork(() => {
      this.writeHeadOnce();
      isTaken = response.write(slice);
    });
    return isTaken;
  }

  private writeHeadOnce(): void {
    if (this.hasHead) return;
    this.hasHead = true;
    writeHead(this.client.response, this.reply);
  }
}
