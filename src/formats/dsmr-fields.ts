import { totalChannel } from "./dsmr-telegram.ts";
import { type NumberField, numberField } from "./fields.ts";
import { isObject } from "./json-payload.ts";
import { quote } from "./outcome.ts";

/** Names of a reading's fields that dsmr-reader lets its user change. */
export type Names = ReadonlyMap<string, string>;

/** One channel of the meter: its values, and both directions of its power. */
export interface Channel {
  readonly channel: string;
  readonly fields: readonly NumberField[];
  readonly delivered: NumberField;
  readonly returned: NumberField;
}

/** What one name means. */
export interface Role {
  readonly channel: Channel;
  readonly field: NumberField;
}

/** The names of one source, ready to be looked up. */
export interface Table {
  readonly timestamp: string;
  readonly roles: ReadonlyMap<string, Role>;
}

// dsmr_datalogger's reading: kWh by tariff, kW, V, A. "delivered" is what the grid delivered to the house.
const channelNames = [
  {
    channel: totalChannel,
    delivered: "electricity_currently_delivered",
    returned: "electricity_currently_returned",
    fields: [
      ["electricity_delivered_1", "energyImportT1Wh", 1000],
      ["electricity_delivered_2", "energyImportT2Wh", 1000],
      ["electricity_returned_1", "energyExportT1Wh", 1000],
      ["electricity_returned_2", "energyExportT2Wh", 1000],
    ],
  },
  ...(["l1", "l2", "l3"] as const).map((phase) => ({
    channel: phase.toUpperCase(),
    delivered: `phase_currently_delivered_${phase}`,
    returned: `phase_currently_returned_${phase}`,
    fields: [
      [`phase_voltage_${phase}`, "voltageV", 1],
      [`phase_power_current_${phase}`, "currentA", 1],
    ] as const,
  })),
] as const;

/** Fields that are no electricity, or no measurement. */
const otherNames = ["id", "timestamp", "extra_device_timestamp", "extra_device_delivered"] as const;

const fieldNames: ReadonlySet<string> = new Set([
  ...otherNames,
  ...channelNames.flatMap(({ delivered, returned, fields }) => [
    delivered,
    returned,
    ...fields.map(([name]) => name),
  ]),
]);

/**
 * Reads a mapping: the reading's name of each field, and what the source calls it.
 * @throws Error when the mapping is no good; it begins with `mapping`
 */
export function readNames(mapping: unknown): Names {
  if (mapping === undefined || mapping === null) return new Map();
  const problem = 'write it as in {"timestamp": "ts"}, with fields of dsmr-reader';
  if (!isObject(mapping)) throw new Error(`mapping: ${quote(mapping)}; ${problem}`);
  const names = new Map<string, string>();
  for (const [left, right] of Object.entries(mapping)) {
    if (typeof right !== "string") throw new Error(`mapping.${left}: ${quote(right)}; ${problem}`);
    if (fieldNames.has(left)) names.set(left, right);
    else if (fieldNames.has(right)) names.set(right, left);
    else throw new Error(`mapping.${left}: neither it nor ${quote(right)} is a known field; ${problem}`);
  }
  return names;
}

/** The table of a source with these names. */
export function createTable(names: Names): Table {
  const named = (name: string, to: NumberField["to"], scale: number) =>
    numberField(names.get(name) ?? name, to, scale);
  const channels = channelNames.map(({ channel, delivered, returned, fields }) => ({
    channel,
    delivered: named(delivered, "powerW", 1000),
    returned: named(returned, "powerW", 1000),
    fields: fields.map(([name, to, scale]) => named(name, to, scale)),
  }));
  const roles = channels.flatMap((channel) =>
    [channel.delivered, channel.returned, ...channel.fields].map((field): [string, Role] => [
      field.from,
      { channel, field },
    ]),
  );
  return { timestamp: names.get("timestamp") ?? "timestamp", roles: new Map(roles) };
}
