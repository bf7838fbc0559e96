/** The name that dashboards which follow everything subscribe to, beside the topics of the devices. */
export const everything = "all";

/** A server that gives frames to whoever subscribed. `payload` is only valid during the call. */
export interface Fanout {
  readonly port: number;
  publish(topic: string, payload: Buffer): void;
}

/** Called for each frame that a feeder sends to `/feed/<topic>`. */
export type OnFeed = (topic: string, payload: Buffer) => void;

/** What the path of a WebSocket asks for: to feed a topic, or to follow one. */
export function readPath(path: string): { feeds: string | null; follows: string | null } {
  if (path.startsWith("/feed/")) return { feeds: path.slice("/feed/".length), follows: null };
  return { feeds: null, follows: path === "/all" ? everything : path.slice("/topic/".length) };
}

/** Gathers payloads for `windowMs` and publishes those of a topic as one JSON array. */
export function batched(fanout: Fanout, windowMs: number): Fanout {
  const windows = new Map<string, Buffer[]>();
  setInterval(() => {
    for (const [topic, payloads] of windows) fanout.publish(topic, joinJson(payloads));
    windows.clear();
  }, windowMs);
  return {
    port: fanout.port,
    publish: (topic, payload) => {
      const payloads = windows.get(topic);
      if (payloads) payloads.push(Buffer.from(payload));
      else windows.set(topic, [Buffer.from(payload)]);
    },
  };
}

const [opening, comma, closing] = [Buffer.from("["), Buffer.from(","), Buffer.from("]")] as const;

function joinJson(payloads: readonly Buffer[]): Buffer {
  const parts = payloads.flatMap((payload, index) => [index === 0 ? opening : comma, payload]);
  return Buffer.concat([...parts, closing]);
}
