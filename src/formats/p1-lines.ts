import type { Reading, Values } from "../model/reading.ts";
import { convert, readNumber } from "./fields.ts";
import { makeReading, quote } from "./outcome.ts";
import type { NumberName } from "./vocabulary.ts";

/** Longest text of telegram lines that is looked at; a whole telegram has about a thousand characters. */
const maxTelegramChars = 16_384;

/** Most meters (and phases of them) whose power is remembered; the oldest is forgotten first. */
const maxMeters = 10_000;

/** What an OBIS code stands for: a value of a channel, or one direction of a channel's power. */
interface Quantity {
  readonly channel: string;
  readonly to: NumberName | "imported" | "exported";
  readonly unit: string;
}

// DSMR 5.0.2 P1 companion standard, chapter 6.12.
const phases = [
  ["L1", "31.7.0", "32.7.0", "21.7.0", "22.7.0"],
  ["L2", "51.7.0", "52.7.0", "41.7.0", "42.7.0"],
  ["L3", "71.7.0", "72.7.0", "61.7.0", "62.7.0"],
] as const;

const quantities: ReadonlyMap<string, Quantity> = new Map<string, Quantity>([
  ["1.8.0", { channel: "", to: "energyImportWh", unit: "Wh" }],
  ["1.8.1", { channel: "", to: "energyImportT1Wh", unit: "Wh" }],
  ["1.8.2", { channel: "", to: "energyImportT2Wh", unit: "Wh" }],
  ["2.8.0", { channel: "", to: "energyExportWh", unit: "Wh" }],
  ["2.8.1", { channel: "", to: "energyExportT1Wh", unit: "Wh" }],
  ["2.8.2", { channel: "", to: "energyExportT2Wh", unit: "Wh" }],
  ["1.7.0", { channel: "", to: "imported", unit: "W" }],
  ["2.7.0", { channel: "", to: "exported", unit: "W" }],
  ...phases.flatMap(([channel, current, voltage, imported, exported]): [string, Quantity][] => [
    [current, { channel, to: "currentA", unit: "A" }],
    [voltage, { channel, to: "voltageV", unit: "V" }],
    [imported, { channel, to: "imported", unit: "W" }],
    [exported, { channel, to: "exported", unit: "W" }],
  ]),
]);

/** `1-0:1.7.0(00.498*kW)`: the code, the value, the unit. */
const obisLine = /^\d{1,3}-\d{1,3}:(\d{1,3}\.\d{1,3}\.\d{1,3})\(([^()*]{0,32})(?:\*([A-Za-z]{1,8}))?\)/;

/** The two directions of a channel's power, as last read. */
interface Power {
  imported: number;
  exported: number;
}

/** Reads telegram lines of one meter into readings or reasons. */
export type P1Reader = (text: string, device: string, time: number) => (Reading | string)[];

/**
 * Makes a reader of DSMR P1 telegram lines. It remembers both directions of power, because they come in lines (and so
 * messages) of their own and our power is import minus export.
 */
export function createP1Reader(): P1Reader {
  const powers = new Map<string, Power>();
  return (text, device, time) => {
    if (text.length > maxTelegramChars) {
      return [`SerialReceived: ${text.length} characters; send one telegram line per message`];
    }
    const results: (Reading | string)[] = [];
    const channels = new Map<string, Values>();
    for (const line of text.split("\n")) {
      const problem = readLine(line.trim(), device, powers, channels);
      if (problem !== null) results.push(problem);
    }
    for (const [channel, values] of channels) {
      results.push(makeReading("energy", device, channel === "" ? undefined : channel, time, values));
    }
    return results;
  };
}

function readLine(
  line: string,
  device: string,
  powers: Map<string, Power>,
  channels: Map<string, Values>,
): string | null {
  const match = obisLine.exec(line);
  const quantity = match === null ? undefined : quantities.get(match[1] as string);
  if (match === null || quantity === undefined) return null;
  const value = readQuantity(match[2] as string, match[3] ?? "", quantity.unit);
  if (value === null)
    return `SerialReceived: ${quote(line)} is not a number in ${quantity.unit}; check the serial line`;
  let values = channels.get(quantity.channel);
  if (values === undefined) {
    values = {};
    channels.set(quantity.channel, values);
  }
  if (quantity.to === "imported" || quantity.to === "exported") {
    const power = powerOf(powers, `${device}\n${quantity.channel}`);
    power[quantity.to] = value;
    values["powerW"] = convert(power.imported - power.exported, 1);
  } else values[quantity.to] = value;
  return null;
}

function readQuantity(text: string, unit: string, expected: string): number | null {
  const number = readNumber(text);
  if (number === undefined || !Number.isFinite(number)) return null;
  if (unit === expected) return number;
  return unit === `k${expected}` ? convert(number, 1000) : null;
}

function powerOf(powers: Map<string, Power>, meter: string): Power {
  let power = powers.get(meter);
  if (power === undefined) {
    power = { imported: 0, exported: 0 };
    if (powers.size >= maxMeters) powers.delete(powers.keys().next().value as string);
    powers.set(meter, power);
  }
  return power;
}
