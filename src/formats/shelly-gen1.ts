import type { Packet } from "../model/packet.ts";
import type { Reading } from "../model/reading.ts";
import { fieldProblem, type NumberField, numberField, readNumber, readValue } from "./fields.ts";
import type { Format } from "./format.ts";
import { readPlainText } from "./json-payload.ts";
import { makeReading, nothing, outcome, quote, reject, singleValue } from "./outcome.ts";

type Quantities = ReadonlyMap<string, NumberField>;

function quantities(...fields: readonly NumberField[]): Quantities {
  return new Map(fields.map((field) => [field.from, field]));
}

/** Counters of switched channels are watt-minutes. */
const wattMinuteWh = 1 / 60;

// `energy` and `returned_energy` of an energy meter are watt-minutes since the last report: `total` is its counter.
const meterQuantities = quantities(
  numberField("power", "powerW"),
  numberField("voltage", "voltageV"),
  numberField("current", "currentA"),
  numberField("pf", "powerFactor"),
  numberField("reactive_power", "reactivePowerVar"),
  numberField("total", "energyImportWh"),
  numberField("total_returned", "energyExportWh"),
);

const switchQuantities = quantities(
  numberField("power", "powerW"),
  numberField("energy", "energyImportWh", wattMinuteWh),
);

/** What stands before the number of a channel. */
const components: ReadonlyMap<string, Quantities> = new Map([
  ["emeter", meterQuantities],
  ...["relay", "roller", "light", "white", "color"].map((name): [string, Quantities] => [
    name,
    switchQuantities,
  ]),
]);

const deviceQuantities = quantities(numberField("voltage", "voltageV"));

/** What a topic below `shellies/` tells: which device, which of its channels, and what the payload is. */
interface Place {
  readonly device: string;
  readonly channel: string | undefined;
  readonly field: NumberField;
}

/**
 * First-generation Shelly devices: `shellies/<model>-<id>/<component>/<i>/<quantity>`, plain text, one quantity a message,
 * without time. Channels are numbered from 0. A Shelly 2 has one meter for both relays: `relay/power` has no channel.
 * Source: shelly-api-docs.shelly.cloud/gen1, the MQTT section of each device.
 */
export const shellyGen1: Format = {
  name: "shelly-gen1",
  title: "Shelly devices, first generation",
  topics: ["shellies/#"],
  create() {
    return (packet) => {
      const place = placeOf(packet.topic);
      if (place === null || packet.payload.length === 0) return nothing;
      if (place.device === "") return reject("topic: no device; send to shellies/<model>-<id>/…");
      const payload = readPlainText(packet.payload);
      if (typeof payload === "string") return reject(payload);
      if (readNumber(payload.text) === undefined) return nothing;
      return outcome(readQuantity(packet, place, payload.text));
    };
  },
};

function placeOf(topic: string): Place | null {
  // Counted from the end, because the operator may have put more before `shellies`.
  const levels = topic.split("/");
  const root = levels.lastIndexOf("shellies");
  const [device, component, channel, quantity] = levels.slice(root === -1 ? 0 : root + 1);
  const depth = levels.length - root - 1;
  if (device === undefined || component === undefined) return null;
  if (depth === 2) return place(device, undefined, deviceQuantities, component);
  const known = components.get(component);
  if (known === undefined || channel === undefined) return null;
  if (depth === 3 && component === "relay") return place(device, undefined, switchQuantities, channel);
  if (depth !== 4 || !isIndex(channel)) return null;
  return place(device, channel, known, quantity as string);
}

function place(
  device: string,
  channel: string | undefined,
  known: Quantities,
  quantity: string,
): Place | null {
  const field = known.get(quantity);
  return field === undefined ? null : { device, channel, field };
}

function isIndex(level: string): boolean {
  return /^\d{1,3}$/.test(level);
}

function readQuantity(packet: Packet, { device, channel, field }: Place, text: string): Reading | string {
  const value = readValue(text, field);
  if (value === undefined) return `${fieldProblem(text, field)} (in ${quote(packet.topic)})`;
  return makeReading("energy", device, channel, packet.receivedAt, singleValue(field.to, value));
}
