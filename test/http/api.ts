import { randomBytes } from "node:crypto";
import { createHttpHandler } from "../../src/http/routes.ts";
import { ShareBook } from "../../src/http/share-book.ts";
import type { Log } from "../../src/log/contract.ts";
import type { HttpReply } from "../../src/model/http.ts";
import type { MapPlace } from "../../src/model/map-place.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface Api {
  get(url: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The reply as a transport gets it. */
  reply(method: string, url: string, headers?: Readonly<Record<string, string>>): Promise<HttpReply>;
}

/** The handler over a log, without a transport. */
export function openApi(log: Log, places: readonly MapPlace[] = []): Api {
  const handler = createHttpHandler({
    log,
    readFeed: async () => new Uint8Array(),
    files: { serve: () => ({ status: 404, body: "no file" }) },
    problems: () => [],
    warnings: () => [],
    retryQuarantine: async () => [],
    backupFolder: "/nowhere",
    places,
    shares: new ShareBook(log, randomBytes),
    watches: null,
    metrics: { write: async () => "", contentType: "text/plain; charset=utf-8" },
  });
  const reply: Api["reply"] = (method, url, headers = {}) => {
    const { pathname, searchParams } = new URL(url, "http://gateway");
    return handler({ method, path: pathname, query: searchParams, header: (name) => headers[name] ?? "" });
  };
  return {
    reply,
    get: async (url, headers = {}) => {
      const { status, headers: sent = {}, body = "" } = await reply("GET", url, headers);
      return { status, headers: sent, text: await textOf(body) };
    },
  };
}

/** The whole of a body, however it comes. */
export async function textOf(body: NonNullable<HttpReply["body"]>): Promise<string> {
  if (typeof body === "string") return body;
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  let text = "";
  for await (const piece of body) text += piece.toString();
  return text;
}

export async function getJson<Body>(api: Api, url: string): Promise<Body> {
  const { status, text } = await api.get(url);
  if (status !== 200) throw new Error(`${url}: ${status} ${text}`);
  return JSON.parse(text) as Body;
}
