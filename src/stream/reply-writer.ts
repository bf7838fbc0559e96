import type { BodyPieces } from "../model/http.ts";

/** After this many bytes everybody else gets a turn, however fast the client takes them. */
const maxBurstBytes = 128 * 1024;

/** What a client is told when a handler failed; the log knows more. */
export const internalError = "internal error, see the gateway's log\n";

/** Where a reply in pieces goes: one HTTP response of a transport. After the client has left every method does nothing. */
export interface ReplySink {
  /** Queues a piece behind the reply's head; false when the connection has enough for now, and `onRoom` tells of more. */
  write(piece: string | Uint8Array): boolean;
  /** Completes the reply. */
  end(): void;
  /** Answers with status 500 if nothing has left yet, else breaks the connection: what came must not pass for the whole. */
  fail(): void;
  /** Breaks the connection, whatever has left. */
  drop(): void;
}

export interface ReplyWriterOptions {
  readonly maxStallMs?: number | undefined;
  /** The body failed. */
  onError(error: unknown): void;
}

/** Carries a body, piece by piece and never faster than the connection takes it, to one HTTP response. */
export class ReplyWriter {
  private readonly iterator: AsyncIterator<string | Uint8Array>;
  private readonly sink: ReplySink;
  private readonly options: ReplyWriterOptions;
  private over = false;
  private goOn: (() => void) | null = null;
  private stall: NodeJS.Timeout | null = null;

  constructor(body: BodyPieces, sink: ReplySink, options: ReplyWriterOptions) {
    this.iterator = body[Symbol.asyncIterator]();
    this.sink = sink;
    this.options = options;
  }

  /** Writes everything; resolves when the reply is over, however it ended, and never rejects. */
  async run(): Promise<void> {
    try {
      await this.writePieces();
    } catch (error) {
      if (this.over) return;
      this.over = true;
      this.options.onError(error);
      this.sink.fail();
    }
  }

  /** The connection takes more. */
  onRoom(): void {
    if (this.stall) clearTimeout(this.stall);
    this.stall = null;
    this.goOn?.();
    this.goOn = null;
  }

  /** The client has left. Does nothing after the end of the reply. */
  onLeft(): void {
    if (this.over) return;
    this.over = true;
    // Not after the piece that may be on its way: whoever waits there is told at once.
    release(this.iterator).catch(this.options.onError);
    this.onRoom();
  }

  private async writePieces(): Promise<void> {
    let burstBytes = 0;
    while (!this.over) {
      const { done, value } = await this.iterator.next();
      if (this.over) return;
      if (done) {
        this.over = true;
        this.sink.end();
        return;
      }
      if (value.length > 0 && !this.sink.write(value)) await this.room();
      // At least a byte, so that empty pieces come to an end of the burst too.
      burstBytes += value.length + 1;
      if (burstBytes < maxBurstBytes) continue;
      burstBytes = 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private room(): Promise<void> {
    const { maxStallMs } = this.options;
    if (maxStallMs !== undefined) this.stall = setTimeout(() => this.giveUp(), maxStallMs);
    return new Promise((resolve) => {
      this.goOn = resolve;
    });
  }

  private giveUp(): void {
    this.onLeft();
    this.sink.drop();
  }
}

/** Tells a body that nobody wants it, whether or not it has begun. */
export async function releaseBody(body: BodyPieces): Promise<void> {
  await release(body[Symbol.asyncIterator]());
}

/** True if a reply's body comes in pieces. */
export function isPieces(body: string | Uint8Array | BodyPieces | undefined): body is BodyPieces {
  return typeof body === "object" && Symbol.asyncIterator in body;
}

async function release(iterator: AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.();
}
