import { maxTextChars, type NumberField, numberField, readText } from "./fields.ts";
import { readTemplate, type TemplatePath, wholePayload } from "./ha-template.ts";
import { isHostileName, isObject, type JsonObject } from "./json-payload.ts";
import { quote } from "./outcome.ts";
import type { Measure } from "./unit-factors.ts";
import { hintsOf, measureOf, type NameHints } from "./units.ts";

const wildcard = /[+#\0]/;

/** Most entities that one discovery message of a device may describe. */
const maxComponents = 256;

/** Something a discovery message describes that has a place in the contract: where its state comes, and what it is. */
export interface Entity {
  readonly device: string;
  readonly objectId: string;
  readonly stateTopic: string;
  readonly path: TemplatePath;
  /** What its number is; null for a tracker, whose attributes are a position. */
  readonly field: NumberField | null;
  /** The phase or input that its name tells. */
  readonly channel: string | undefined;
}

/** The levels of a discovery topic `<prefix>/<component>/[<node_id>/]<object_id>/config`. */
export interface ConfigTopic {
  readonly component: string;
  readonly nodeId: string;
  readonly objectId: string;
}

/** Home Assistant's MQTT platforms, and `device` for a message about all of a device. */
const components: ReadonlySet<string> = new Set(
  (
    "alarm_control_panel binary_sensor button camera climate cover device device_automation device_tracker event fan " +
    "humidifier image lawn_mower light lock notify number scene select sensor siren switch tag text update vacuum valve " +
    "water_heater"
  ).split(" "),
);

/** The levels of a discovery topic, null if it is none. */
export function readConfigTopic(topic: string): ConfigTopic | null {
  const levels = topic.split("/");
  if (levels.length < 4 || levels.at(-1) !== "config") return null;
  const objectId = levels.at(-2) as string;
  const component = levels.length > 4 ? (levels.at(-4) as string) : "";
  if (components.has(component)) return { component, nodeId: levels.at(-3) as string, objectId };
  const short = levels.at(-3) as string;
  return components.has(short) ? { component: short, nodeId: "", objectId } : null;
}

/** The abbreviations that are used here (Home Assistant, "MQTT discovery", "Supported abbreviations"). */
const abbreviations: Readonly<Record<string, string>> = {
  state_topic: "stat_t",
  value_template: "val_tpl",
  unit_of_measurement: "unit_of_meas",
  device_class: "dev_cla",
  unique_id: "uniq_id",
  json_attributes_topic: "json_attr_t",
  json_attributes_template: "json_attr_tpl",
  device: "dev",
  identifiers: "ids",
  connections: "cns",
  components: "cmps",
  platform: "p",
};

function get(config: JsonObject, name: string): unknown {
  const value = config[name];
  return value === undefined ? config[abbreviations[name] ?? name] : value;
}

/** The entities that a discovery message describes, and the reasons for those that cannot be read. */
export function readConfig(topic: ConfigTopic, config: JsonObject): (Entity | string)[] {
  if (topic.component !== "device")
    return toList(readEntity(topic.component, topic, topic.objectId, config, ""));
  const described = get(config, "components");
  if (!isObject(described))
    return [`components: ${quote(described)}; a device's discovery lists its components`];
  const entries = Object.entries(described);
  if (entries.length > maxComponents)
    return [`components: ${entries.length}; describe at most ${maxComponents}`];
  return entries.flatMap(([id, component]) => {
    if (!isObject(component)) return [];
    // What the components have in common (device, state topic, base topic) stands beside them.
    const platform = readText(get(component, "platform")) ?? "";
    return toList(readEntity(platform, topic, id, { ...config, ...component }, `components.${id}.`));
  });
}

function toList(entity: Entity | string | null): (Entity | string)[] {
  return entity === null ? [] : [entity];
}

function readEntity(
  component: string,
  topic: ConfigTopic,
  objectId: string,
  config: JsonObject,
  path: string,
): Entity | string | null {
  if (component !== "sensor" && component !== "device_tracker") return null;
  const device = deviceOf(topic, config);
  if (device === undefined || isHostileName(device))
    return `${path}device.identifiers: no usable id; give the device one`;
  return component === "sensor"
    ? readSensor(device, objectId, config, path)
    : readTracker(device, objectId, config, path);
}

/** The first of `identifiers`; else the first connection's address; else the ids of the entity itself. */
function deviceOf(topic: ConfigTopic, config: JsonObject): string | undefined {
  const device = get(config, "device");
  if (isObject(device)) {
    const identifiers = get(device, "identifiers");
    const first = Array.isArray(identifiers)
      ? identifiers.find((id) => readText(id) !== undefined)
      : identifiers;
    const connections = get(device, "connections");
    const connection: unknown = Array.isArray(connections) ? connections[0] : undefined;
    const id = readText(first) ?? readText(Array.isArray(connection) ? connection[1] : undefined);
    if (id !== undefined) return id;
  }
  return readText(topic.nodeId) ?? readText(get(config, "unique_id")) ?? readText(topic.objectId);
}

/** The device classes that have a place in the contract; an entity of another class says nothing here. */
const classes: ReadonlyMap<string, string> = new Map([
  ["power", "powerW"],
  ["energy", "energy"],
  ["voltage", "voltageV"],
  ["current", "currentA"],
  ["frequency", "frequencyHz"],
  ["apparent_power", "apparentPowerVa"],
  ["reactive_power", "reactivePowerVar"],
  ["power_factor", "powerFactor"],
]);

function readSensor(
  device: string,
  objectId: string,
  config: JsonObject,
  path: string,
): Entity | string | null {
  const deviceClass = readText(get(config, "device_class"));
  if (deviceClass !== undefined && !classes.has(deviceClass)) return null;
  const unit = readText(get(config, "unit_of_measurement"));
  const template = get(config, "value_template");
  const hints = hintsOfEntity(device, objectId, config, template);
  const measure = measureOfEntity(deviceClass, unit, hints);
  if (measure === null) return null;
  if (typeof measure === "string") return `${path}${measure}`;
  const place = placeOf(config, "state_topic", template, "value_template", path);
  if (typeof place === "string") return place;
  const field = numberField("value", measure.to, measure.scale);
  return { device, objectId, ...place, field, channel: hints.channel };
}

/** What the entity's number is; null where the contract has no place for it; a reason where it contradicts itself. */
function measureOfEntity(
  deviceClass: string | undefined,
  unit: string | undefined,
  hints: NameHints,
): Measure | string | null {
  if (deviceClass === "power_factor") return { to: "powerFactor", scale: unit === "%" ? 0.01 : 1 };
  if (deviceClass === undefined) return unit === undefined ? null : (measureOf(unit, hints) ?? null);
  if (unit === undefined) return `unit_of_measurement: missing; a sensor of class ${deviceClass} needs one`;
  const measure = measureOf(unit, { ...hints, isPeriodic: false });
  if (measure === undefined || !measure.to.startsWith(classes.get(deviceClass) as string)) {
    return `unit_of_measurement: ${quote(unit)} is no unit of ${deviceClass} that is known here`;
  }
  return measureOf(unit, hints) ?? null;
}

/** What the entity's own names tell; the device's id, which often comes first in them, tells nothing of the entity. */
function hintsOfEntity(device: string, objectId: string, config: JsonObject, template: unknown): NameHints {
  const key = typeof template === "string" ? readTemplate(template)?.keys.at(-1) : undefined;
  const ownId = objectId.startsWith(device) ? objectId.slice(device.length) : objectId;
  const names = [ownId, readText(config["name"]) ?? "", typeof key === "string" ? key : ""];
  const all = names.map((name) => hintsOf(name.slice(0, maxTextChars)));
  return {
    isExport: all.some((hints) => hints.isExport),
    isPeriodic: all.some((hints) => hints.isPeriodic),
    tariff: all.find((hints) => hints.tariff !== 0)?.tariff ?? 0,
    channel: all.find((hints) => hints.channel !== undefined)?.channel,
    isPlain: false,
  };
}

function readTracker(
  device: string,
  objectId: string,
  config: JsonObject,
  path: string,
): Entity | string | null {
  // Without attributes a tracker knows only names of zones.
  if (get(config, "json_attributes_topic") === undefined) return null;
  const template = get(config, "json_attributes_template") ?? "{{ value_json }}";
  const place = placeOf(config, "json_attributes_topic", template, "json_attributes_template", path);
  return typeof place === "string" ? place : { device, objectId, ...place, field: null, channel: undefined };
}

function placeOf(
  config: JsonObject,
  topicKey: string,
  template: unknown,
  templateKey: string,
  path: string,
): Pick<Entity, "stateTopic" | "path"> | string {
  const raw = get(config, topicKey);
  const base = config["~"];
  const topic = typeof raw === "string" ? withBase(raw, typeof base === "string" ? base : "") : "";
  if (topic === "" || wildcard.test(topic))
    return `${path}${topicKey}: ${quote(raw)}; an entity's topic is needed, without wildcards`;
  if (topic.split("/").some(isHostileName))
    return `${path}${topicKey}: ${quote(raw)} has a reserved name in it`;
  if (template === undefined || template === null || template === "")
    return { stateTopic: topic, path: wholePayload };
  const found = typeof template === "string" ? readTemplate(template) : null;
  if (found?.keys.some((key) => typeof key === "string" && isHostileName(key)))
    return `${path}${templateKey}: ${quote(template)} has a reserved name in it`;
  if (found !== null) return { stateTopic: topic, path: found };
  return `${path}${templateKey}: ${quote(template)} is more than a path; use one like {{ value_json.power }}`;
}

/** Most topics of one discovery message that are claimed beside those of states. */
const maxTopics = 64;

/** The topics that a discovery message names: states, availability, attributes, commands, those of components too. */
export function topicsIn(config: JsonObject): string[] {
  const base = typeof config["~"] === "string" ? config["~"] : "";
  const found = new Set<string>();
  collectTopics(config, base, found, 0);
  return [...found];
}

function collectTopics(node: unknown, base: string, found: Set<string>, depth: number): void {
  if (typeof node !== "object" || node === null || depth > 3) return;
  for (const [name, value] of Object.entries(node)) {
    if (found.size >= maxTopics) return;
    if (typeof value !== "string") collectTopics(value, base, found, depth + 1);
    else if (isTopicName(name) && value !== "") {
      const topic = withBase(value, base);
      if (!wildcard.test(topic)) found.add(topic);
    }
  }
}

/** `state_topic` and `stat_t`; in a list of availabilities `topic` and `t`. */
function isTopicName(name: string): boolean {
  return name.endsWith("_topic") || name.endsWith("_t") || name === "topic" || name === "t";
}

/** `~` stands for the base topic, at the beginning or the end. */
function withBase(topic: string, base: string): string {
  if (topic.startsWith("~")) return base + topic.slice(1);
  return topic.endsWith("~") ? topic.slice(0, -1) + base : topic;
}
