import type { Values } from "../model/reading.ts";
import { convert, readNumber } from "./fields.ts";
import { quote } from "./outcome.ts";
import type { NumberName } from "./vocabulary.ts";

/** Longest text of telegram lines that is looked at; a whole telegram has about a thousand characters. */
export const maxTelegramChars = 16_384;

/** What an OBIS code stands for: a value of a channel, or one direction of what a channel gives and takes. */
interface Quantity {
  readonly channel: string;
  readonly to: NumberName;
  readonly unit: string;
  readonly direction?: keyof Flow;
}

// DSMR 5.0.2 P1 companion standard, chapter 6.12; reactive power from Luxembourg's and Sweden's versions of it.
const channelCodes = [
  { channel: "", active: ["1.7.0", "2.7.0"], reactive: ["3.7.0", "4.7.0"] },
  {
    channel: "L1",
    active: ["21.7.0", "22.7.0"],
    reactive: ["23.7.0", "24.7.0"],
    mains: ["31.7.0", "32.7.0"],
  },
  {
    channel: "L2",
    active: ["41.7.0", "42.7.0"],
    reactive: ["43.7.0", "44.7.0"],
    mains: ["51.7.0", "52.7.0"],
  },
  {
    channel: "L3",
    active: ["61.7.0", "62.7.0"],
    reactive: ["63.7.0", "64.7.0"],
    mains: ["71.7.0", "72.7.0"],
  },
] as const;

const counters = [
  ["1.8.0", "energyImportWh"],
  ["1.8.1", "energyImportT1Wh"],
  ["1.8.2", "energyImportT2Wh"],
  ["2.8.0", "energyExportWh"],
  ["2.8.1", "energyExportT1Wh"],
  ["2.8.2", "energyExportT2Wh"],
] as const;

const quantities: ReadonlyMap<string, Quantity> = new Map<string, Quantity>([
  ...counters.map(([code, to]): [string, Quantity] => [code, { channel: "", to, unit: "Wh" }]),
  ...channelCodes.flatMap(({ channel, active, reactive, ...phase }): [string, Quantity][] => [
    [active[0], { channel, to: "powerW", unit: "W", direction: "imported" }],
    [active[1], { channel, to: "powerW", unit: "W", direction: "exported" }],
    [reactive[0], { channel, to: "reactivePowerVar", unit: "var", direction: "imported" }],
    [reactive[1], { channel, to: "reactivePowerVar", unit: "var", direction: "exported" }],
    ...("mains" in phase
      ? ([
          [phase.mains[0], { channel, to: "currentA", unit: "A" }],
          [phase.mains[1], { channel, to: "voltageV", unit: "V" }],
        ] satisfies [string, Quantity][])
      : []),
  ]),
]);

/** `1-0:1.7.0(00.498*kW)`: the code, the value, the unit. */
const obisLine = /^\d{1,3}-\d{1,3}:(\d{1,3}\.\d{1,3}\.\d{1,3})\(([^()*]{0,32})(?:\*([A-Za-z]{1,8}))?\)/;

/** By meter, channel and value: of one telegram, or of all as long as a decoder lives. */
export type Flows = Pick<Map<string, Flow>, "get"> & { set(key: string, flow: Flow): void };

/** The two directions of what a channel gives and takes, as last read. */
export interface Flow {
  imported: number;
  exported: number;
}

/**
 * Reads telegram lines into values by channel; "" is the meter itself. `flows` remembers both directions of power of
 * `device`, as long as the caller keeps it. Returns a reason for each line that is no good; `path` begins it.
 */
export function readP1Lines(
  text: string,
  path: string,
  device: string,
  flows: Flows,
  channels: Map<string, Values>,
): string[] {
  const problems: string[] = [];
  for (const part of text.split("\n")) {
    const line = part.trim();
    const match = obisLine.exec(line);
    const quantity = match === null ? undefined : quantities.get(match[1] as string);
    if (match === null || quantity === undefined) continue;
    const value = readQuantity(match[2] as string, match[3] ?? "", quantity.unit);
    if (value === null) {
      problems.push(`${path}: ${quote(line)} is not a number in ${quantity.unit}; check the serial line`);
    } else setQuantity(quantity, value, device, flows, channels);
  }
  return problems;
}

function setQuantity(
  { channel, to, direction }: Quantity,
  value: number,
  device: string,
  flows: Flows,
  channels: Map<string, Values>,
): void {
  let values = channels.get(channel);
  if (values === undefined) {
    values = {};
    channels.set(channel, values);
  }
  if (direction === undefined) values[to] = value;
  else {
    const flow = flowOf(flows, `${device}\n${channel}\n${to}`);
    flow[direction] = value;
    values[to] = convert(flow.imported - flow.exported, 1);
  }
}

function readQuantity(text: string, unit: string, expected: string): number | null {
  const number = readNumber(text);
  if (number === undefined || !Number.isFinite(number)) return null;
  // Meters differ in how they spell var.
  const spelled = expected === "var" ? unit.toLowerCase() : unit;
  if (spelled === expected) return number;
  return spelled === `k${expected}` ? convert(number, 1000) : null;
}

function flowOf(flows: Flows, name: string): Flow {
  let flow = flows.get(name);
  if (flow === undefined) {
    flow = { imported: 0, exported: 0 };
    flows.set(name, flow);
  }
  return flow;
}
