import type { Decoded, Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { BoundedMap, declareLimit } from "./bounded.ts";
import {
  fieldProblem,
  isInfinite,
  type NumberField,
  numberField,
  readFields,
  readNumber,
  readValue,
} from "./fields.ts";
import type { Format, FormatHost } from "./format.ts";
import { type ConfigTopic, type Entity, readConfig, readConfigTopic, topicsIn } from "./ha-config.ts";
import { round, valueAt } from "./ha-template.ts";
import { isObject, type JsonObject, readJson, readJsonObject, readPlainText } from "./json-payload.ts";
import { makeReading, nothing, outcomes, partialOutcome, reject, singleValue } from "./outcome.ts";
import { positionFields, requirePosition } from "./position.ts";

/** Most discovery messages that are kept; the oldest is forgotten first. */
const configLimit = declareLimit("ha-discovery-configs", 10_000);

/** Most entities that read the same topic. */
const maxEntitiesPerTopic = 512;

/** What entities send while they know nothing. */
const unknownStates: ReadonlySet<string> = new Set(["unknown", "unavailable", "None", "none"]);

const trackerPosition = positionFields("latitude", "longitude");
const trackerFields = [
  numberField("gps_accuracy", "accuracyM"),
  numberField("altitude", "altM"),
  numberField("battery_level", "batteryPct"),
];

/**
 * Home Assistant's MQTT discovery: devices describe themselves on `homeassistant/<component>/[<node>/]<object>/config`, and
 * their states come on topics of their own choice, which are claimed as they are discovered (availability and commands too,
 * which say nothing here). Templates are never
 * evaluated: one that is more than a path is refused.
 */
export const haDiscovery: Format = {
  name: "ha-discovery",
  title: "Home Assistant MQTT discovery",
  topics: ["homeassistant/#"],
  create(_settings, host) {
    const entities = new Entities(host);
    return (packet) => {
      const topic = readConfigTopic(packet.topic);
      if (topic === null) return readState(packet, entities.at(packet.topic));
      if (packet.payload.length === 0) {
        entities.forget(packet.topic);
        return { readings: [], rejected: null, remember: true };
      }
      if (topic.objectId === "") {
        return reject(
          "topic: the object id is missing; send to homeassistant/<component>/<object_id>/config",
        );
      }
      const config = readJsonObject(packet.payload);
      if (config === null || typeof config === "string") return reject(config ?? "payload: empty");
      const problem = entities.learn(packet.topic, topic, config);
      return { readings: [], rejected: problem, remember: true };
    };
  },
};

/** An entity in use, with all that measure the same of its device under the same channel, itself among them. */
interface Reader {
  readonly entity: Entity;
  readonly rivals: Set<Reader>;
}

/** What one discovery message gave. */
interface Learnt {
  readonly readers: readonly Reader[];
  /** All topics it names: what comes on them has been announced, even if it says nothing here. */
  readonly topics: readonly string[];
}

/** What was discovered: readers by the topic that described them, by that of their state, and by what they measure. */
class Entities {
  readonly #host: FormatHost;
  readonly #byConfig = new BoundedMap<string, Learnt>(configLimit);
  readonly #byState = new Map<string, Set<Reader>>();
  readonly #bySubject = new Map<string, Set<Reader>>();
  /** How many messages and readers need a claimed topic. */
  readonly #uses = new Map<string, number>();

  constructor(host: FormatHost) {
    this.#host = host;
  }

  /** Takes what a discovery message says, in place of what it said before. Returns why not all of it. */
  learn(configTopic: string, topic: ConfigTopic, config: JsonObject): string | null {
    this.forget(configTopic);
    const problems: string[] = [];
    const readers: Reader[] = [];
    for (const entity of readConfig(topic, config)) {
      const added = typeof entity === "string" ? entity : this.#add(entity);
      if (typeof added === "string") problems.push(added);
      else readers.push(added);
    }
    const topics = topicsIn(config).filter((named) => this.#use(named));
    if (readers.length > 0 || topics.length > 0) {
      const forgotten = this.#byConfig.set(configTopic, { readers, topics });
      if (forgotten !== undefined) this.#remove(forgotten);
    }
    return outcomes(problems).rejected;
  }

  forget(configTopic: string): void {
    const learnt = this.#byConfig.get(configTopic);
    if (learnt !== undefined) this.#remove(learnt);
    this.#byConfig.delete(configTopic);
  }

  /** Those whose state comes on this topic. */
  at(stateTopic: string): ReadonlySet<Reader> | undefined {
    return this.#byState.get(stateTopic);
  }

  #add(entity: Entity): Reader | string {
    const { stateTopic } = entity;
    const sharing = this.#byState.get(stateTopic) ?? new Set();
    if (sharing.size >= maxEntitiesPerTopic) {
      return `state_topic: more than ${maxEntitiesPerTopic} entities share it; use several topics`;
    }
    if (!this.#use(stateTopic)) {
      return "state_topic: there is no room for more discovered topics; remove configs that are not needed";
    }
    const subject = subjectOf(entity);
    const rivals = this.#bySubject.get(subject) ?? new Set();
    const reader: Reader = { entity, rivals };
    this.#bySubject.set(subject, rivals.add(reader));
    this.#byState.set(stateTopic, sharing.add(reader));
    return reader;
  }

  #remove({ readers, topics }: Learnt): void {
    for (const reader of readers) {
      takeOut(this.#byState, reader.entity.stateTopic, reader);
      takeOut(this.#bySubject, subjectOf(reader.entity), reader);
      this.#leave(reader.entity.stateTopic);
    }
    for (const topic of topics) this.#leave(topic);
  }

  #use(topic: string): boolean {
    const uses = this.#uses.get(topic) ?? 0;
    if (uses === 0 && !this.#host.claim(topic)) return false;
    this.#uses.set(topic, uses + 1);
    return true;
  }

  #leave(topic: string): void {
    const uses = this.#uses.get(topic) ?? 0;
    if (uses > 1) this.#uses.set(topic, uses - 1);
    else if (this.#uses.delete(topic)) this.#host.release(topic);
  }
}

function subjectOf({ device, field, channel }: Entity): string {
  return `${field?.to ?? "position"}\n${channel ?? ""}\n${device}`;
}

function takeOut(sets: Map<string, Set<Reader>>, key: string, reader: Reader): void {
  const set = sets.get(key);
  if (set?.delete(reader) && set.size === 0) sets.delete(key);
}

/** What a state says, as far as its readers need it. */
interface State {
  readonly json: unknown;
  readonly text: string;
}

/** What was found in a state. */
interface Found {
  readonly readings: Reading[];
  readonly reasons: string[];
  /** Bad values that are dropped without a word beside good ones. */
  readonly dropped: string[];
}

function readState(packet: Packet, readers: ReadonlySet<Reader> | undefined): Decoded {
  if (readers === undefined || packet.payload.length === 0) return nothing;
  const state = parseState(packet.payload, readers);
  if (typeof state === "string") return reject(state);
  const found: Found = { readings: [], reasons: [], dropped: [] };
  for (const { entity, rivals } of readers) {
    // Two entities of one device that measure the same are told apart by their own ids.
    const channel = rivals.size > 1 ? entity.objectId : entity.channel;
    const raw = entity.path.isJson ? valueAt(state.json, entity.path.keys) : state.text;
    if (entity.field === null) readTracker(raw, entity.device, packet.receivedAt, found);
    else readSensor(raw, entity, entity.field, channel, packet.receivedAt, found);
  }
  return partialOutcome(found.readings, found.reasons, found.dropped);
}

function parseState(payload: Uint8Array, readers: ReadonlySet<Reader>): State | string {
  let needsJson = false;
  let needsText = false;
  for (const { entity } of readers) {
    if (entity.path.isJson) needsJson = true;
    else needsText = true;
  }
  const json = needsJson ? readJson(payload) : null;
  if (typeof json === "string") return json;
  const text = needsText ? readPlainText(payload) : null;
  if (typeof text === "string") return text;
  return { json: json?.value, text: text?.text.trim() ?? "" };
}

function readSensor(
  raw: unknown,
  { device, path }: Entity,
  field: NumberField,
  channel: string | undefined,
  time: number,
  { readings, reasons, dropped }: Found,
): void {
  if (typeof raw === "string" && unknownStates.has(raw)) return;
  const number = readNumber(raw);
  if (number === undefined) return;
  const value = readValue(round(number, path.rounding), field);
  if (value === undefined) {
    const from = path.keys.length === 0 ? "payload" : path.keys.join(".");
    (isInfinite(raw) ? reasons : dropped).push(fieldProblem(raw, { ...field, from }));
    return;
  }
  const same = readings.find(
    (one) => one.device === device && one.channel === channel && one.domain === "energy",
  );
  if (same !== undefined) same.values[field.to] = value;
  else readings.push(makeReading("energy", device, channel, time, singleValue(field.to, value)));
}

function readTracker(raw: unknown, device: string, time: number, { readings, reasons }: Found): void {
  if (!isObject(raw) || (raw["latitude"] ?? raw["longitude"] ?? null) === null) return;
  const values: Values = {};
  const problem = requirePosition(raw, trackerPosition, values) ?? readFields(raw, trackerFields, values);
  if (problem === null) readings.push({ domain: "gps", device, time, values });
  else reasons.push(problem);
}
