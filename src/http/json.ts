import type { HttpReply } from "../model/http.ts";

/** A JSON answer that nobody may keep. */
export function json(status: number, body: unknown): HttpReply {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" },
    body: `${JSON.stringify(body)}\n`,
  };
}
