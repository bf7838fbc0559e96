import type { Decoded, Packet } from "../model/packet.ts";
import { ChannelReadings } from "./channel-readings.ts";
import { meaningIn, type Node, readNodes, type Variable } from "./emonhub-names.ts";
import { fieldProblem, isInfinite, readNumber, readValue } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { readJsonObject, readPlainText } from "./json-payload.ts";
import { makeReading, nothing, outcome, quote, reject, singleValue } from "./outcome.ts";
import { observedAt } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";
import { baseOfPattern, patternProblem } from "./topic-pattern.ts";

/** Longest list of values that is read, in characters. */
const maxListChars = 16_384;

/**
 * emonHub of OpenEnergyMonitor: `emon/<node>/<variable>` (plain text), `emon/<node>` (JSON with all variables and `time`), and
 * `emonhub/rx/<node>/values` (a list by position, for which the setting `nodes` gives the names; without it the list says
 * nothing, and emonHub sends the same values by name). What a variable is follows from its name (`power1`, `P1`, `Vrms`,
 * `E1`) or from the unit in `nodes`. The number in a name is the channel. Pulses are counts until `nodes` says what they are.
 * Where `basetopic` was changed, `topicPattern` says how: `home/emon/{node}/{variable}`.
 * Source: openenergymonitor/emonhub, conf/interfacer_examples/MQTT/readme.md and configuration.md.
 */
export const emonhub: Format = {
  name: "emonhub",
  title: "emonHub (OpenEnergyMonitor)",
  topics: ["emon/#", "emonhub/#"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    const nodes = readNodes(settings.nodes);
    const { topicPattern } = settings;
    const base =
      topicPattern === undefined ? null : baseOfPattern(topicPattern, "home/emon/{node}/{variable}");
    return (packet) => {
      if (packet.payload.length === 0) return nothing;
      const { topic } = packet;
      if (base !== null && !topic.startsWith(base)) return reject(patternProblem(topic, topicPattern));
      // The base counts as one level, whatever it is.
      const levels = (base === null ? topic : topic.slice(base.length - 1)).split("/");
      const last = levels.at(-1) as string;
      if (levels.at(-3) === "rx")
        return last === "values" ? readList(packet, levels.at(-2) as string, nodes) : nothing;
      if (levels.includes("tx")) return nothing;
      if (levels.length === 2) return readJson(packet, last, nodes.get(last), zone);
      if (levels.length < 3) return nothing;
      return readVariable(packet, levels.at(-2) as string, last, nodes);
    };
  },
};

const noNode = "topic: the node is missing; send to emon/<node>/<variable>";

/** `emon/<node>/<variable>`: one value as text. */
function readVariable(
  packet: Packet,
  device: string,
  name: string,
  nodes: ReadonlyMap<string, Node>,
): Decoded {
  const variable = meaningIn(nodes.get(device), name);
  if (variable === null) return nothing;
  if (device === "") return reject(noNode);
  const payload = readPlainText(packet.payload);
  if (typeof payload === "string") return reject(payload);
  if (readNumber(payload.text) === undefined) return nothing;
  const { field } = variable;
  const value = readValue(payload.text, field);
  if (value === undefined) return reject(fieldProblem(payload.text, field));
  return outcome(
    makeReading("energy", device, variable.channel, packet.receivedAt, singleValue(field.to, value)),
  );
}

/** `emon/<node>`: all variables as one JSON object; `time` is epoch seconds. */
function readJson(packet: Packet, device: string, node: Node | undefined, zone: TimeZone | null): Decoded {
  const payload = readJsonObject(packet.payload);
  if (payload === null) return nothing;
  if (typeof payload === "string") return reject(payload);
  if (device === "") return reject(noNode);
  const time = observedAt(payload["time"], "time", packet.receivedAt, zone);
  if (typeof time === "string") return reject(time);
  const found = new ChannelReadings("energy", device, time);
  for (const name in payload) {
    const variable = meaningIn(node, name);
    if (variable === null) continue;
    const raw = payload[name];
    if (isInfinite(raw)) return reject(fieldProblem(raw, variable.field));
    setVariable(raw, variable, found);
  }
  return decodedOf(found);
}

/** `emonhub/rx/<node>/values`: numbers by position, with commas. */
function readList(packet: Packet, device: string, nodes: ReadonlyMap<string, Node>): Decoded {
  const node = nodes.get(device);
  if (node === undefined) return nothing;
  const payload = readPlainText(packet.payload);
  if (typeof payload === "string") return reject(payload);
  if (payload.text.length > maxListChars) return reject(`payload: more than ${maxListChars} characters`);
  const parts = payload.text.split(",");
  const found = new ChannelReadings("energy", device, packet.receivedAt);
  for (const [at, variable] of node.list.entries()) {
    if (variable !== null) setVariable(parts[at], variable, found);
  }
  if (found.readings.length === 0 && parts.every((part) => Number.isNaN(readNumber(part)))) {
    return reject(`payload: no number in ${quote(payload.text)}; numbers with commas are expected`);
  }
  return decodedOf(found);
}

function setVariable(raw: unknown, { channel = "", field }: Variable, found: ChannelReadings): void {
  const value = readValue(raw, field);
  if (value !== undefined) found.valuesOf(channel)[field.to] = value;
}

function decodedOf({ readings }: ChannelReadings): Decoded {
  return readings.length === 0 ? nothing : { readings, rejected: null };
}
