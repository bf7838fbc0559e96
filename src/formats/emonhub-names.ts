import { BoundedMap, declareLimit } from "./bounded.ts";
import { type NumberField, numberField, readNumber, readText } from "./fields.ts";
import { isObject, type JsonObject } from "./json-payload.ts";
import { quote } from "./outcome.ts";
import { hintsOf, measureOf } from "./units.ts";
import { type NumberName, ranges } from "./vocabulary.ts";

/** Most nodes in the settings, and most names of one. */
const maxNodes = 1_000;
const maxNames = 256;

/** Most names of values whose meaning is remembered; the oldest is forgotten first. */
const nameLimit = declareLimit("emonhub-names", 10_000);

/** What a value of a node is. */
export interface Variable {
  /** What stands behind its name: `power1` is input 1, `powerL1` phase L1. Undefined for what belongs to the whole node. */
  readonly channel: string | undefined;
  readonly field: NumberField;
}

/** What the operator says of a node: what its values are, by place and by name. */
export interface Node {
  /** By place in the list of values; null for what is none of ours. */
  readonly list: readonly (Variable | null)[];
  readonly variables: ReadonlyMap<string, Variable>;
  /** What one pulse of the node's counters is worth; undefined where nobody said. */
  readonly pulsesPerKwh: number | undefined;
}

/** Words of the firmwares' names, without their number and in lower case. */
const words: ReadonlyMap<string, readonly [NumberName, number]> = new Map([
  ...["power", "realpower", "activepower", "p"].map((name) => entry(name, "powerW")),
  ...["apparentpower", "apparent", "va"].map((name) => entry(name, "apparentPowerVa")),
  ...["reactivepower", "reactive", "var"].map((name) => entry(name, "reactivePowerVar")),
  ...["powerfactor", "pf"].map((name) => entry(name, "powerFactor")),
  ...["vrms", "voltage", "v"].map((name) => entry(name, "voltageV")),
  ...["irms", "current", "i"].map((name) => entry(name, "currentA")),
  ...["frequency", "freq", "fr", "f"].map((name) => entry(name, "frequencyHz")),
  ...["energy", "wh", "e"].map((name) => entry(name, "energyImportWh")),
  entry("kwh", "energyImportWh", 1000),
  // Meters that emonHub itself reads over Modbus (SDM120, SDM630): import and export in kWh.
  entry("ei", "energyImportWh", 1000),
  entry("ee", "energyExportWh", 1000),
]);

function entry(name: string, to: NumberName, scale = 1): [string, readonly [NumberName, number]] {
  return [name, [to, scale]];
}

/** A name's word, and the input (`power1`), phase (`powerL1`) or sum (`P_total`) behind it. */
const variableName = /^([A-Za-z]+?)(?:_?(\d{1,3})|_?(L[123])|_(total))?$/;

const known = new BoundedMap<string, Variable | null>(nameLimit);

/** What a value is by its name, as the firmwares of OpenEnergyMonitor name them; null where the name tells nothing. */
export function variableOf(name: string): Variable | null {
  const found = known.get(name);
  if (found !== undefined) return found;
  const match = variableName.exec(name);
  const word = match === null ? undefined : words.get((match[1] as string).toLowerCase());
  const channel = match?.[2] ?? match?.[3] ?? match?.[4];
  const variable = word === undefined ? null : { channel, field: numberField(name, word[0], word[1]) };
  known.set(name, variable);
  return variable;
}

/** What a value of a node is, by what the operator says of it, else by its name. */
export function meaningIn(node: Node | undefined, name: string): Variable | null {
  const variable = node?.variables.get(name) ?? variableOf(name);
  if (variable !== null || node?.pulsesPerKwh === undefined || !isPulses(name)) return variable;
  return pulses(name, node.pulsesPerKwh);
}

function isPulses(name: string): boolean {
  return /^puls/i.test(name);
}

function pulses(name: string, perKwh: number): Variable {
  const channel = /\d{1,3}/.exec(name)?.[0];
  return { channel, field: numberField(name, "energyImportWh", 1000 / perKwh) };
}

const advice = 'write it as in {"10": {"names": ["power1", "vrms"], "units": ["W", "V"]}}';

/**
 * Reads the setting `nodes`. By node: a list of names, or an object with `names` and, where they are wanted, `units` (which
 * say what a value is where its name does not), `scales` and `pulsesPerKwh`; or a node of emonhub.conf with its `rx`, whose
 * scales emonHub itself has applied. Lists can be text with commas. A name is one of the firmware's (`power1`) or of the
 * contract (`powerW`), or an object `{name, field, unit, scale, channel}`; an empty one passes over a value.
 * @throws Error when it is something else; it begins with `nodes`
 */
export function readNodes(setting: unknown): ReadonlyMap<string, Node> {
  const nodes = new Map<string, Node>();
  if (setting === undefined || setting === null) return nodes;
  if (!isObject(setting)) throw new Error(`nodes: ${quote(setting)}; ${advice}`);
  const ids = Object.keys(setting);
  if (ids.length > maxNodes) throw new Error(`nodes: ${ids.length} nodes; at most ${maxNodes} are read`);
  for (const id of ids) nodes.set(id, readNode(setting[id], `nodes.${id}`));
  for (const id of ids) {
    // emonHub publishes the values one by one under the node's name.
    const source = setting[id];
    const name = isObject(source) ? source["nodename"] : undefined;
    if (typeof name === "string" && !nodes.has(name)) nodes.set(name, nodes.get(id) as Node);
  }
  return nodes;
}

function readNode(setting: unknown, path: string): Node {
  const rx = isObject(setting) ? setting["rx"] : undefined;
  const source: JsonObject = isObject(rx) ? rx : isObject(setting) ? setting : { names: setting };
  const names = readList(source["names"], `${path}.names`);
  const units = readList(source["units"], `${path}.units`);
  const scales = isObject(rx) ? [] : readList(source["scales"], `${path}.scales`);
  const pulsesPerKwh = readFactor(source["pulsesPerKwh"], `${path}.pulsesPerKwh`);
  const list: (Variable | null)[] = [];
  const variables = new Map<string, Variable>();
  for (const [at, name] of names.entries()) {
    const entry = isObject(name) ? name : { name, unit: units[at], scale: scales[at] };
    const variable = readEntry(entry, pulsesPerKwh, `${path}.names.${at}`);
    list.push(variable);
    if (variable !== null) variables.set(variable.field.from, variable);
  }
  return { list, variables, pulsesPerKwh };
}

function readEntry(entry: JsonObject, pulsesPerKwh: number | undefined, path: string): Variable | null {
  const { name: rawName, field, unit: rawUnit, scale: rawScale, channel: rawChannel } = entry;
  const name = readText(rawName) ?? readText(field) ?? "";
  if (name === "") return null;
  const meaning = readText(field) ?? name;
  const scale = readFactor(rawScale, `${path}.scale`) ?? 1;
  const channel = readText(rawChannel);
  const variable = meaningOf(name, meaning, readText(rawUnit) ?? "", pulsesPerKwh);
  if (variable === null) return null;
  return {
    channel: channel ?? variable.channel,
    field: { ...variable.field, from: name, scale: variable.field.scale * scale },
  };
}

function meaningOf(
  name: string,
  meaning: string,
  unit: string,
  pulsesPerKwh: number | undefined,
): Variable | null {
  if (isNumberName(meaning)) return { channel: undefined, field: numberField(name, meaning) };
  if (pulsesPerKwh !== undefined && (unit === "p" || isPulses(name))) return pulses(name, pulsesPerKwh);
  const channel = /(L[123]|\d{1,3})$/.exec(name)?.[1];
  if (unit === "") return variableOf(meaning);
  const measure = measureOf(unit, hintsOf(meaning));
  return measure === undefined ? null : { channel, field: numberField(name, measure.to, measure.scale) };
}

function isNumberName(name: string): name is NumberName {
  return Object.hasOwn(ranges, name);
}

function readList(setting: unknown, path: string): readonly unknown[] {
  if (setting === undefined || setting === null) return [];
  const list: unknown = typeof setting === "string" ? setting.split(",") : setting;
  if (!Array.isArray(list)) throw new Error(`${path}: ${quote(setting)}; a list is expected; ${advice}`);
  if (list.length > maxNames)
    throw new Error(`${path}: ${list.length} entries; at most ${maxNames} are read`);
  return list;
}

function readFactor(setting: unknown, path: string): number | undefined {
  const factor = readNumber(setting);
  if (factor === undefined || (Number.isFinite(factor) && factor > 0)) return factor;
  throw new Error(`${path}: ${quote(setting)} is not a number above 0`);
}
