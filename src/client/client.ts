import type { CommandOptions } from "./commander.ts";
import { followLatest, type LatestMap, type LatestOptions } from "./latest.ts";
import type { PublishOptions } from "./publisher.ts";
import type { ReadingListener } from "./reading.ts";
import { type ConnectOptions, Session, type State, type StateListener } from "./session.ts";
import type { StreamStats, SubscribeOptions, Subscription } from "./subscription.ts";
import type { SomeValuesOf, ValuesOf } from "./values.ts";

export type { BackoffLimits } from "../model/backoff.ts";
export type { Bbox, Condition, From, PlayOptions, ReplayState, ViewOptions } from "../wire/messages.ts";
export type { CommandOptions } from "./commander.ts";
export { type ErrorCode, type ErrorListener, FieldcastError } from "./errors.ts";
export type { Latest, LatestFrom, LatestMap, LatestOptions } from "./latest.ts";
export type { PublishOptions } from "./publisher.ts";
export type { Gap, Reading, ReadingListener, Replay, ViewChange } from "./reading.ts";
export type { ConnectOptions, State, StateListener } from "./session.ts";
export type { SocketConstructor, SocketLike, Timers } from "./socket.ts";
export type { StreamStats, SubscribeOptions, Subscription, ViewChanges } from "./subscription.ts";
export type { TabChannel, TabLocks, TabPlatform } from "./tab-platform.ts";
export type { Token } from "./token.ts";
export type * from "./values.ts";

/** A client of one gateway: one socket for all subscriptions, made anew whenever it is lost. */
export interface Fieldcast {
  readonly state: State;
  /** A copy of the counters. */
  readonly stats: Readonly<StreamStats>;
  /** Calls back at each change of `state`, with the reason where something went wrong. Returns an unsubscribe. */
  onState(listener: StateListener): () => void;
  /**
   * Follows a topic filter. With a callback (as last argument or `onReading`) readings are handed to it; without one
   * the subscription is an async iterable, and leaving the loop unsubscribes.
   * ```ts
   * const subscription = fieldcast.subscribe("gps/#", { from: "latest" }, ({ topic, values }) => {
   *   console.log(topic, values.lat, values.lon);
   * });
   * subscription.close();
   *
   * for await (const { topic, values } of fieldcast.subscribe("energy/+")) console.log(topic, values.powerW);
   * ```
   * `from: { time }` goes back in time, at a `speed`; `pause()`, `resume()` and `seek()` move it.
   * The filter's first level tells the types of the values: those of `gps/#` have `lat` and `lon`.
   * @throws FieldcastError `bad-filter`, `bad-option` (too large), `closed`, `too-many-subscriptions`; TypeError for arguments in another order
   */
  subscribe<Filter extends string>(
    filter: Filter,
    onReading?: ReadingListener<ValuesOf<Filter>>,
  ): Subscription<ValuesOf<Filter>>;
  subscribe<Filter extends string>(
    filter: Filter,
    options: SubscribeOptions<ValuesOf<Filter>> & { readonly fields?: never },
    onReading?: ReadingListener<ValuesOf<Filter>>,
  ): Subscription<ValuesOf<Filter>>;
  subscribe<Filter extends string>(
    filter: Filter,
    options: SubscribeOptions<SomeValuesOf<Filter>>,
    onReading?: ReadingListener<SomeValuesOf<Filter>>,
  ): Subscription<SomeValuesOf<Filter>>;
  /**
   * What each topic of the filter shows now, kept up to date.
   * ```ts
   * const fleet = fieldcast.latest("gps/#");
   * fleet.subscribe(() => draw(fleet.getSnapshot()));
   * fleet.get("gps/van-7")?.values.speedKmh;
   * ```
   * @throws FieldcastError as `subscribe`
   */
  latest<Filter extends string>(
    filter: Filter,
    options?: LatestOptions & { readonly fields?: never },
  ): LatestMap<ValuesOf<Filter>>;
  latest<Filter extends string>(filter: Filter, options: LatestOptions): LatestMap<SomeValuesOf<Filter>>;
  /**
   * Sends what a device would publish over MQTT; resolves when the gateway has stored it. While offline it waits for the
   * connection, up to `timeoutMs`; what was not answered is sent again after a reconnect, so it may be stored twice: let
   * the payload say its own `time`, and twice is as good as once.
   * ```ts
   * await fieldcast.publish("telemetry/gps/my-phone", { lat, lon, time: new Date().toISOString() });
   * ```
   * Rejects with FieldcastError `rejected` (with the reason), `bad-topic`, `bad-payload`, `log-unavailable`, `timeout`,
   * `too-many-publishes` or `closed`.
   */
  publish(topic: string, payload: string | Uint8Array | object, options?: PublishOptions): Promise<void>;
  /**
   * Asks the device behind a topic to do something; resolves to what it answers, null if it has nothing to say. Which
   * devices take commands is for the gateway to say (`commands.allow`). It is sent once or not at all, never again.
   * ```ts
   * await fieldcast.command("gps/van-7", "set-interval", { seconds: 30 });
   * ```
   * Rejects with FieldcastError `command-failed` (with the device's reason), `not-connected`, `not-allowed`, `bad-command`,
   * `too-many-commands` or `lost` (not sent: there was no connection); `no-answer` and `command-lost` say that the device
   * may have done it.
   */
  command(topic: string, command: string, params?: object, options?: CommandOptions): Promise<unknown>;
  /** Ends every subscription, gives up what waits to be published, and closes the socket. */
  close(): void;
}

/**
 * Connects to a gateway. Returns at once; subscriptions made before the connection is up wait for it.
 * ```ts
 * const fieldcast = connect("ws://localhost:8080/stream");
 * fieldcast.onState((state, reason) => console.log(state, reason?.message ?? ""));
 * ```
 * @throws FieldcastError `bad-url`, `no-websocket`
 */
export function connect(url: string, options: ConnectOptions = {}): Fieldcast {
  const session = new Session(url, options);
  return {
    get state() {
      return session.state;
    },
    get stats() {
      return { ...session.stats };
    },
    onState: (listener) => session.onState(listener),
    subscribe: (filter: string, first?: SubscribeOptions | ReadingListener, last?: ReadingListener) => {
      checkArguments(filter, first, last);
      const options = typeof first === "function" ? { onReading: first } : (first ?? {});
      return session.subscribe(filter, last ? { ...options, onReading: last } : options);
    },
    latest: (filter, options = {}) =>
      followLatest(options, session, (listeners) => session.subscribe(filter, listeners)),
    publish: (topic, payload, options = {}) => session.publish(topic, payload, options),
    command: (topic, command, params, options = {}) => session.command(topic, command, params, options),
    close: () => session.close(),
  };
}

/** For callers without types: a callback in the wrong place would never be called, and nothing would say so. */
function checkArguments(filter: unknown, first: unknown, last: unknown): void {
  const problem = argumentsProblem(filter, first, last);
  if (problem !== null) throw new TypeError(`subscribe(filter, options, callback): ${problem}`);
}

function argumentsProblem(filter: unknown, first: unknown, last: unknown): string | null {
  if (typeof filter !== "string") return 'the filter comes first, as text such as "gps/#"';
  if (typeof first === "function" && last !== undefined) {
    return "the callback comes last, after the options";
  }
  const isOptions = first === undefined || first === null || typeof first === "object";
  if (!isOptions && typeof first !== "function") return "the options are an object";
  if (last !== undefined && typeof last !== "function") return "the callback is a function";
  return null;
}
