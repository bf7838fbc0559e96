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
  /**
   * Since when the log has everything that the answer is about (`oldestStored`), asked again at the end. Absent if nothing of it can
   * have been dropped.
   */
  readonly oldest?: () => Promise<number | null>;
  /** Earliest observation that was asked for, null for all: what is dropped ahead of it meanwhile is not missed. */
  readonly from?: number | null;
}

/**
 * The reply that says all of it. With a limit it is a page, and where it goes on stands in the `link` header (RFC 8288), in JSON
 * also as `next`. Without one it is everything, made while it is sent.
 */
export async function answerWith<Item>(answer: Answer<Item>): Promise<HttpReply> {
  const { format, name, limit } = answer;
  const oldest = await answer.oldest?.();
  const { type, isFile } = exportFormats[format];
  const headers: Record<string, string> = {
    "content-type": type,
    "cache-control": "no-store",
    vary: "accept",
    ...(isFile && { "content-disposition": `attachment; filename="${name}.${format}"` }),
    ...(oldest !== undefined && { "fieldcast-oldest": oldest === null ? "none" : isoTime(oldest) }),
  };
  if (limit === null) return { status: 200, headers, body: await soonWhole(writeAll(answer, oldest)) };
  const { pieces, next } = await writePage(answer, limit, oldest);
  const link = next === null ? {} : { link: `<${nextUrl(answer.request, next)}>; rel="next"` };
  return { status: 200, headers: { ...headers, ...link }, body: await soonWhole(pieces) };
}

/**
 * Since when the log has everything of a filter's topics, epoch milliseconds: when the oldest reading that the ring still has was
 * stored, or what limits of domains leave. Null if the ring has none.
 * @throws LogUnavailable when the store cannot be read
 */
export async function oldestStored(log: Log, filter: string): Promise<number | null> {
  const [oldest, limited] = [await oldestInRing(log), await log.limitedSince(filter)];
  return oldest === null || limited === null ? oldest : Math.max(oldest, limited);
}

async function oldestInRing(log: Log): Promise<number | null> {
  // The ring may move on while its oldest record is read.
  for (let attempt = 0; attempt < 3 && log.oldest <= log.head; attempt++) {
    const page = await log.read(log.oldest - 1, 1);
    const time = page.kind === "records" ? page.records[0]?.committedAt : undefined;
    if (time !== undefined) return time;
  }
  if (log.oldest > log.head) return null;
  throw new LogUnavailable("the ring drops readings faster than they can be read; try again");
}

async function* writeAll<Item>(answer: Answer<Item>, before: Oldest): AsyncGenerator<string> {
  const { writer, slices } = answer;
  yield writer.head();
  for await (const items of slices) yield writer.rows(items);
  yield writer.tail({ next: null, ...(await endOf(answer, before)) });
}

type Oldest = number | null | undefined;

/** What the end of an answer says of what the ring dropped before it, or while it was made. */
async function endOf(
  answer: Pick<Answer<unknown>, "oldest" | "from">,
  before: Oldest,
): Promise<Omit<PageEnd, "next">> {
  const oldest = await answer.oldest?.();
  if (oldest === undefined) return {};
  const { from = null } = answer;
  const end = oldest ?? Number.POSITIVE_INFINITY;
  // Of an empty ring nothing can have been dropped.
  const isEvicted = before !== null && end > (before ?? end) && (from === null || from < end);
  return { oldest, ...(isEvicted && { isEvicted }) };
}

async function writePage<Item>(
  answer: Answer<Item>,
  limit: number,
  before: Oldest,
): Promise<{ pieces: AsyncGenerator<string>; next: string | null }> {
  const { writer, slices, cursorAfter } = answer;
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
  pieces.push(writer.tail({ next, ...(await endOf(answer, before)) }));
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
