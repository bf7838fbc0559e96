import type { Values } from "../model/reading.ts";
import { type NumberField, numberField, readFields } from "./fields.ts";
import type { JsonObject } from "./json-payload.ts";

/** The first three bytes of Milesight's DevEUIs (IEEE registration authority). */
const milesightOui = "24e124";

/** True for a device of Milesight by its DevEUI (lower case). */
export function isMilesight(devEui: string): boolean {
  return devEui.startsWith(milesightOui);
}

const voltage = numberField("voltage", "voltageV");
const watts = ["active_power", "electric_power", "power"].map((name) => numberField(name, "powerW"));
const wattHours = ["power_consumption", "power_sum"].map((name) => numberField(name, "energyImportWh"));
const milliamperes = ["current", "total_current"].map((name) => numberField(name, "currentA", 0.001));

const fields: readonly NumberField[] = [voltage, ...watts, ...wattHours, ...milliamperes];

const percentFactors = ["power_factor", "factor"].map((name) => numberField(name, "powerFactor", 0.01));
const plainFactors = ["power_factor", "factor"].map((name) => numberField(name, "powerFactor"));

/** True for the payload of a Milesight socket or switch with a meter (WS51x, WS52x, WS558). */
export function isMilesightMeter(object: JsonObject, devEui: string): boolean {
  if (!isMilesight(devEui)) return false;
  return (
    object["power_consumption"] !== undefined ||
    object["power_sum"] !== undefined ||
    object["socket_status"] !== undefined
  );
}

/**
 * Reads such a payload: current in mA, consumption in Wh, power factor in percent (as a fraction in early decoders).
 * Source: Milesight's public SensorDecoders, WS523 and WS558.
 */
export function readMilesightMeter(object: JsonObject, values: Values, path: string): string | null {
  const problem = readFields(object, fields, values, path);
  if (problem !== null) return problem;
  const factor = object["power_factor"] ?? object["factor"];
  return readFields(object, Number(factor) > 1 ? percentFactors : plainFactors, values, path);
}
