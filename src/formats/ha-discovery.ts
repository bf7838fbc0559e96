import type { Decoded, Packet } from "../model/packet.ts";
import type { Values } from "../model/reading.ts";
import { setBounded } from "./bounded.ts";
import { fieldProblem, isInfinite, numberField, readFields, readNumber, readValue } from "./fields.ts";
import type { Format, FormatHost } from "./format.ts";
import { type Entity, readConfig, readConfigTopic } from "./ha-config.ts";
import { round, valueAt } from "./ha-template.ts";
import { isObject, readJson, readJsonObject, readPlainText } from "./json-payload.ts";
import { makeReading, nothing, outcomes, partialOutcome, reject } from "./outcome.ts";
import { positionFields, requirePosition } from "./position.ts";

/** Most discovery messages that are kept; the oldest is forgotten first. */
const maxConfigs = 10_000;

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
 * their states come on topics of their own choice, which are claimed as they are discovered. Templates are never
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
      if (topic === null) return readState(packet, entities);
      if (packet.payload.length === 0) {
        entities.forget(packet.topic);
        return { readings: [], rejected: null, remember: true };
      }
      const config = readJsonObject(packet.payload);
      if (config === null || typeof config === "string") return reject(config ?? "payload: empty");
      const problem = entities.learn(packet.topic, readConfig(topic, config));
      return { readings: [], rejected: problem, remember: true };
    };
  },
};

/** What was discovered: entities by the topic that described them, by that of their state, and by what they measure. */
class Entities {
  readonly #host: FormatHost;
  readonly #byConfig = new Map<string, readonly Entity[]>();
  readonly #byState = new Map<string, Set<Entity>>();
  readonly #bySubject = new Map<string, Set<Entity>>();

  constructor(host: FormatHost) {
    this.#host = host;
  }

  /** Takes what a discovery message says, in place of what it said before. Returns why not all of it. */
  learn(configTopic: string, described: readonly (Entity | string)[]): string | null {
    this.forget(configTopic);
    const problems: string[] = [];
    const kept: Entity[] = [];
    for (const entity of described) {
      const problem = typeof entity === "string" ? entity : this.#add(entity);
      if (problem !== null) problems.push(problem);
      else kept.push(entity as Entity);
    }
    if (kept.length > 0) {
      const forgotten = setBounded(this.#byConfig, configTopic, kept, maxConfigs);
      for (const entity of forgotten ?? []) this.#remove(entity);
    }
    return problems.length === 0 ? null : outcomes(problems).rejected;
  }

  forget(configTopic: string): void {
    for (const entity of this.#byConfig.get(configTopic) ?? []) this.#remove(entity);
    this.#byConfig.delete(configTopic);
  }

  /** The entities whose state comes on this topic. */
  at(stateTopic: string): ReadonlySet<Entity> | undefined {
    return this.#byState.get(stateTopic);
  }

  /** The phase or input that the name tells; where two entities of a device measure the same, their own ids. */
  channelOf(entity: Entity): string | undefined {
    const rivals = this.#bySubject.get(subjectOf(entity))?.size ?? 0;
    return rivals > 1 ? entity.objectId : entity.channel;
  }

  #add(entity: Entity): string | null {
    const { stateTopic } = entity;
    const sharing = this.#byState.get(stateTopic) ?? new Set();
    if (sharing.size >= maxEntitiesPerTopic) {
      return `state_topic: more than ${maxEntitiesPerTopic} entities share it; use several topics`;
    }
    if (sharing.size === 0 && !this.#host.claim(stateTopic)) {
      return "state_topic: there is no room for more discovered topics; remove configs that are not needed";
    }
    this.#byState.set(stateTopic, sharing.add(entity));
    const subject = subjectOf(entity);
    this.#bySubject.set(subject, (this.#bySubject.get(subject) ?? new Set()).add(entity));
    return null;
  }

  #remove(entity: Entity): void {
    const { stateTopic } = entity;
    if (takeOut(this.#byState, stateTopic, entity)) this.#host.release(stateTopic);
    takeOut(this.#bySubject, subjectOf(entity), entity);
  }
}

function subjectOf({ device, field, channel }: Entity): string {
  return `${field?.to ?? "position"}\n${channel ?? ""}\n${device}`;
}

/** Takes an entity out of a set; true if that was the last. */
function takeOut(sets: Map<string, Set<Entity>>, key: string, entity: Entity): boolean {
  const set = sets.get(key);
  if (set === undefined || !set.delete(entity) || set.size > 0) return false;
  sets.delete(key);
  return true;
}

/** What a state says to the entities that read it. */
interface State {
  readonly text: string;
  readonly json: { readonly value: unknown } | string | null;
}

function readState(packet: Packet, entities: Entities): Decoded {
  const readers = entities.at(packet.topic);
  if (readers === undefined || packet.payload.length === 0) return nothing;
  const payload = readPlainText(packet.payload);
  if (typeof payload === "string") return reject(payload);
  const needsJson = [...readers].some((entity) => entity.path.isJson);
  const state: State = { text: payload.text.trim(), json: needsJson ? readJson(packet.payload) : null };
  if (typeof state.json === "string") return reject(state.json);
  const groups = new Map<string, { readonly entity: Entity; readonly values: Values }>();
  const found: Found = { reasons: [], dropped: [] };
  for (const entity of readers) {
    const values: Values = {};
    readEntity(entity, state, values, found);
    if (Object.keys(values).length === 0) continue;
    const key = `${domainOf(entity)}\n${entities.channelOf(entity) ?? ""}\n${entity.device}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { entity, values });
    else Object.assign(group.values, values);
  }
  const readings = [...groups.values()].map(({ entity, values }) =>
    makeReading(domainOf(entity), entity.device, entities.channelOf(entity), packet.receivedAt, values),
  );
  return partialOutcome(readings, found.reasons, found.dropped);
}

function domainOf({ field }: Entity): "energy" | "gps" {
  return field === null ? "gps" : "energy";
}

/** What was wrong with a state. */
interface Found {
  readonly reasons: string[];
  /** Bad values that are dropped without a word beside good ones. */
  readonly dropped: string[];
}

/** Sets what the entity finds in the state. */
function readEntity(entity: Entity, { text, json }: State, values: Values, found: Found): void {
  const { path, field } = entity;
  const raw = path.isJson ? valueAt(isObject(json) ? json["value"] : undefined, path.keys) : text;
  if (field === null) {
    const problem = readTracker(raw, values);
    if (problem !== null) found.reasons.push(problem);
    return;
  }
  if (typeof raw === "string" && unknownStates.has(raw)) return;
  const number = readNumber(raw);
  if (number === undefined) return;
  const value = readValue(round(number, path.rounding), field);
  if (value !== undefined) {
    values[field.to] = value;
    return;
  }
  const name = path.keys.length === 0 ? "payload" : path.keys.join(".");
  (isInfinite(raw) ? found.reasons : found.dropped).push(fieldProblem(raw, { ...field, from: name }));
}

function readTracker(raw: unknown, values: Values): string | null {
  if (!isObject(raw) || (raw["latitude"] ?? raw["longitude"] ?? null) === null) return null;
  const position: Values = {};
  const problem = requirePosition(raw, trackerPosition, position) ?? readFields(raw, trackerFields, position);
  if (problem === null) Object.assign(values, position);
  return problem;
}
