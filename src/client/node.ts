import { WebSocket } from "ws";
import { type ConnectOptions, connect as connectWith, type Fieldcast } from "./client.ts";
import { globalWebSocket } from "./socket.ts";

export type * from "./client.ts";
export { FieldcastError } from "./client.ts";

/** The same as in client.ts, with the `ws` package's WebSocket where Node has none of its own (before 22). */
export function connect(url: string, options: ConnectOptions = {}): Fieldcast {
  return connectWith(url, { webSocket: globalWebSocket() ?? WebSocket, ...options });
}
