import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { decodeJsonFrame } from "../../src/wire/frames.ts";
import type { ServerMessage, WireReading } from "../../src/wire/messages.ts";

export interface ServerEvent {
  readonly type: string;
  readonly message: ServerMessage;
  /** What an EventSource would resume from after it. */
  readonly lastEventId: string;
}

/** A bare reader of Server-Sent Events, line by line as the specification says, and nothing clever. */
export class EventClient {
  readonly events: ServerEvent[] = [];
  readonly comments: string[] = [];
  lastEventId: string;
  retryMs: number | null = null;
  ended = false;
  readonly response: IncomingMessage;
  private readonly request: ClientRequest;
  private text = "";
  private id: string;
  private type = "";
  private data: string[] = [];
  private readonly received: WireReading[] = [];
  private readonly wake = new Set<() => void>();

  private constructor(request: ClientRequest, response: IncomingMessage, lastEventId: string) {
    this.request = request;
    this.response = response;
    this.lastEventId = lastEventId;
    this.id = lastEventId;
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => this.read(chunk));
    response.on("error", () => {});
    response.on("close", () => {
      this.ended = true;
      this.check();
    });
  }

  /** Connects. @throws Error with the status and the answer when the server refuses */
  static async open(port: number, query: string, lastEventId = ""): Promise<EventClient> {
    const headers = { accept: "text/event-stream", ...(lastEventId && { "last-event-id": lastEventId }) };
    const path = `/api/v1/events?${query}`;
    const request = httpRequest({ port, host: "127.0.0.1", path, headers, agent: false });
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    if (response.statusCode === 200) return new EventClient(request, response, lastEventId);
    const chunks = await response.toArray();
    throw new Error(`${response.statusCode} ${Buffer.concat(chunks as Buffer[]).toString()}`);
  }

  /** Waits until `condition` holds; it is looked at whenever something has come. */
  async until<T>(condition: () => T | undefined | false, what: string, timeoutMs = 15_000): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.wake.delete(check);
        const tail = JSON.stringify(this.events.slice(-3)).slice(0, 600);
        reject(new Error(`waited in vain for ${what}; ended: ${this.ended}; last events ${tail}`));
      }, timeoutMs);
      const check = () => {
        const found = condition();
        if (found === undefined || found === false) return;
        clearTimeout(timer);
        this.wake.delete(check);
        resolve(found);
      };
      this.wake.add(check);
      check();
    });
  }

  /** Waits for the `nth` event of a type. */
  next(type: string, nth = 0): Promise<ServerEvent> {
    return this.until(() => this.events.filter((event) => event.type === type)[nth], `${type} #${nth}`);
  }

  /** All of them, in the order they came. */
  readings(): readonly WireReading[] {
    return this.received;
  }

  untilReadings(count: number): Promise<readonly WireReading[]> {
    return this.until(() => {
      return this.received.length >= count && this.received;
    }, `${count} readings`);
  }

  untilEnded(): Promise<boolean> {
    return this.until(() => this.ended, "the end");
  }

  close(): void {
    this.request.destroy();
  }

  private read(chunk: string): void {
    this.text += chunk;
    for (let at = this.text.indexOf("\n"); at >= 0; at = this.text.indexOf("\n")) {
      this.readLine(this.text.slice(0, at));
      this.text = this.text.slice(at + 1);
    }
    this.check();
  }

  private readLine(line: string): void {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "") this.comments.push(value);
    else if (name === "event") this.type = value;
    else if (name === "data") this.data.push(value);
    else if (name === "id") this.id = value;
    else if (name === "retry") this.retryMs = Number(value);
    else throw new Error(`an unknown field: ${line}`);
  }

  private dispatch(): void {
    this.lastEventId = this.id;
    const { type, data } = this;
    this.type = "";
    this.data = [];
    if (data.length === 0) return;
    const message = decodeJsonFrame(data.join("\n"));
    this.events.push({ type, message, lastEventId: this.lastEventId });
    if (message.type === "readings") this.received.push(...message.readings);
  }

  private check(): void {
    for (const check of this.wake) check();
  }
}
