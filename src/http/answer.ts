import { type Log, LogUnavailable } from "../log/contract.ts";
import type { BodyPieces, HttpReply, HttpRequest } from "../model/http.ts";
import { isoTime } from "../model/reading.ts";
import type { PageEnd } from "./export/row.ts";
import { type ExportFormat, exportFormats } from "./formats.ts";

/** Answers up to about this size are whole; larger ones are made while they are sent. */
const maxWholeChars = 64 * 1024;
/** From so many pieces on an answer is sent while it is made even if it is short: a client that waits in vain may leave. */
const maxFirstPieces = 32;
/** A page ends here even if fewer rows were asked for. */
const maxPageChars = 512 * 1024;
/** Most rows of a page. */
export const maxPageRows = 10_000;

/** What writes an answer of items, part by part. */
interface Writer<Item> {
  head(): string;
  rows(items: readonly Item[]): string;
  tail(end: PageEnd): string;
}

export interface Answer<Item> {
  readonly request: HttpRequest;
  readonly format: ExportFormat;
  /** For the file that a browser makes of it. */
  readonly name: string;
  readonly writer: Writer<Item>;
  readonly slices: AsyncGenerator<readonly Item[]>;
  /** Most items; null for all there are. */
  readonly limit: number | null;
  /** The cursor that goes on behind an item. */
  cursorAfter(item: Item): string;
  /** Absent if nothing that the answer is about can have been dropped. */
  readonly oldest?: number | null;
}

/**
 * The reply that says all of it. With a limit it is a page, and where it goes on stands in the `link` header (RFC 8288), in JSON
 * also as `next`. Without one it is everything, made while it is sent.
 */
export async function answerWith<Item>(answer: Answer<Item>): Promise<HttpReply> {
  const { format, name, oldest, limit } = answer;
  const { type, isFile } = exportFormats[format];
  const headers: Record<string, string> = {
    "content-type": type,
    "cache-control": "no-store",
    vary: "accept",
    ...(isFile && { "content-disposition": `attachment; filename="${name}.${format}"` }),
    ...(oldest !== undefined && { "fieldcast-oldest": oldest === null ? "none" : isoTime(oldest) }),
  };
  if (limit === null) return { status: 200, headers, body: await soonWhole(writeAll(answer)) };
  const { pieces, next } = await writePage(answer, limit);
  const link = next === null ? {} : { link: `<${nextUrl(answer.request, next)}>; rel="next"` };
  return { status: 200, headers: { ...headers, ...link }, body: await soonWhole(pieces) };
}

/**
 * When the oldest reading that the ring still has was stored, epoch milliseconds: it has everything that was stored since.
 * Null if it has none.
 * @throws LogUnavailable when the store cannot be read
 */
export async function oldestStored(log: Log): Promise<number | null> {
  // The ring may move on while its oldest record is read.
  for (let attempt = 0; attempt < 3 && log.oldest <= log.head; attempt++) {
    const page = await log.read(log.oldest - 1, 1);
    const time = page.kind === "records" ? page.records[0]?.committedAt : undefined;
    if (time !== undefined) return time;
  }
  if (log.oldest > log.head) return null;
  throw new LogUnavailable("the ring drops readings faster than they can be read; try again");
}

async function* writeAll<Item>({ writer, slices, oldest }: Answer<Item>): AsyncGenerator<string> {
  yield writer.head();
  for await (const items of slices) yield writer.rows(items);
  yield writer.tail({ next: null, ...(oldest !== undefined && { oldest }) });
}

async function writePage<Item>(
  { writer, slices, oldest, cursorAfter }: Answer<Item>,
  limit: number,
): Promise<{ pieces: AsyncGenerator<string>; next: string | null }> {
  const pieces = [writer.head()];
  let last: Item | null = null;
  let next: string | null = null;
  let rows = 0;
  let chars = 0;
  for await (const items of slices) {
    if (items.length === 0) continue;
    const taken = chars >= maxPageChars ? [] : items.slice(0, limit - rows);
    const piece = writer.rows(taken);
    pieces.push(piece);
    rows += taken.length;
    chars += piece.length;
    last = taken.at(-1) ?? last;
    if (taken.length === items.length) continue;
    next = last === null ? null : cursorAfter(last);
    break;
  }
  pieces.push(writer.tail({ next, ...(oldest !== undefined && { oldest }) }));
  return { pieces: each(pieces), next };
}

async function* each(pieces: readonly string[]): AsyncGenerator<string> {
  yield* pieces;
}

/** The first pieces are made at once, so that a store that cannot be read gets a status of its own. */
async function soonWhole(pieces: AsyncGenerator<string>): Promise<string | BodyPieces> {
  const first: string[] = [];
  let chars = 0;
  while (chars < maxWholeChars && first.length < maxFirstPieces) {
    const { done, value } = await pieces.next();
    if (done) return first.join("");
    first.push(value);
    chars += value.length;
  }
  return continued(first.join(""), pieces);
}

/** Not a generator: one that was never begun would not tell `rest` that nobody wants it. */
function continued(first: string, rest: AsyncGenerator<string>): BodyPieces {
  let begun = false;
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        if (begun) return rest.next();
        begun = true;
        return { done: false, value: first };
      },
      return: () => rest.return(undefined),
    }),
  };
}

function nextUrl({ path, query }: HttpRequest, cursor: string): string {
  const next = new URLSearchParams(query);
  next.set("cursor", cursor);
  return `${path}?${next}`;
}
