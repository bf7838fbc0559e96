import type { BodyPieces, HttpHandler, HttpReply } from "../model/http.ts";
import { isPieces, releaseBody } from "./reply-writer.ts";

export interface ReplyLimits {
  readonly maxStreamingReplies: number;
  readonly stalledReplyMs: number;
}

/** Bounds how many of a handler's replies are made while they are sent, and how long a client may let one of them stand still. */
export function limitReplies(handler: HttpHandler, limits: ReplyLimits): HttpHandler {
  let open = 0;
  return async (request) => {
    const reply = await handler(request);
    // A HEAD asks for nothing of the body.
    if (!isPieces(reply.body) || request.method === "HEAD") return reply;
    if (open >= limits.maxStreamingReplies) {
      await releaseBody(reply.body);
      return tooMany(limits.maxStreamingReplies);
    }
    open++;
    const body = counted(reply.body, () => {
      open--;
    });
    return { ...reply, body, maxStallMs: limits.stalledReplyMs };
  };
}

function tooMany(limit: number): HttpReply {
  const error = `${limit} long replies are being sent, the most allowed (stream.maxStreamingReplies); try again soon`;
  return {
    status: 503,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "retry-after": "5",
    },
    body: `${JSON.stringify({ error })}\n`,
  };
}

/** The same pieces; `onOver` is called once, at their end, whichever it is. */
function counted(body: BodyPieces, onOver: () => void): BodyPieces {
  let isOver = false;
  const over = () => {
    if (!isOver) onOver();
    isOver = true;
  };
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = body[Symbol.asyncIterator]();
      return {
        next: async () => {
          try {
            const result = await iterator.next();
            if (result.done) over();
            return result;
          } catch (error) {
            over();
            throw error;
          }
        },
        return: async () => {
          over();
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
