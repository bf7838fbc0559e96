import type { ChannelReadings } from "./channel-readings.ts";
import { fieldProblem, isInfinite, type NumberField, numberField, readValue } from "./fields.ts";
import type { JsonObject } from "./json-payload.ts";

/** Most channels of one meter; the firmware has at most eight phases. */
const maxChannels = 64;

/** The channel of what a meter with several channels reports as one sum. */
const totalChannel = "total";

// Tasmota's energy driver (xdrv_03_energy): counters in kWh; Today, Yesterday and Period are no running counters.
const energyFields: readonly NumberField[] = [
  numberField("Total", "energyImportWh", 1000),
  numberField("ExportActive", "energyExportWh", 1000),
  numberField("Power", "powerW"),
  numberField("ApparentPower", "apparentPowerVa"),
  numberField("ReactivePower", "reactivePowerVar"),
  numberField("Factor", "powerFactor"),
  numberField("Frequency", "frequencyHz"),
  numberField("Voltage", "voltageV"),
  numberField("Current", "currentA"),
];

/** The phases share one grid, so these may stay single beside lists; they belong to every channel. */
const shared: ReadonlySet<string> = new Set(["Voltage", "Frequency"]);

/** What the tariff lists hold, first and second tariff. */
const tariffs: readonly (readonly [string, readonly NumberField[]])[] = [
  ["TotalTariff", [numberField("0", "energyImportT1Wh", 1000), numberField("1", "energyImportT2Wh", 1000)]],
  ["ExportTariff", [numberField("0", "energyExportT1Wh", 1000), numberField("1", "energyExportT2Wh", 1000)]],
];

/** Until 8.3.1.2 tariffs stood in the counter itself: `"Total":[33.736,11.717,16.978]`, the sum first. */
const oldTariffs: ReadonlyMap<string, string> = new Map([
  ["Total", "TotalTariff"],
  ["ExportActive", "ExportTariff"],
]);

/**
 * Reads Tasmota's `ENERGY` object into values by channel; "" is the channel of a meter that has only one. Meters with
 * several send lists, numbered from 1 here; what they send as one number is shared (voltage, frequency) or their sum
 * (`total`). Returns a reason if the object is no good as a whole.
 */
export function readEnergy(energy: JsonObject, found: ChannelReadings): string | null {
  const count = countChannels(energy);
  if (count > maxChannels) return `ENERGY: a list of ${count}; send at most ${maxChannels} channels`;
  for (const field of energyFields) {
    const problem = readEnergyField(energy, field, count, found);
    if (problem !== null) return problem;
  }
  for (const [name, fields] of tariffs) {
    const list = energy[name];
    if (!Array.isArray(list)) continue;
    const problem = readTariffs(list, fields, sumOf(count), found);
    if (problem !== null) return problem;
  }
  return null;
}

/** Where sums go: to the meter itself, or beside its channels. */
function sumOf(count: number): string {
  return count === 0 ? "" : totalChannel;
}

/** How many channels the lists have, 0 if the meter sends plain numbers. Old tariff lists are no channels. */
function countChannels(energy: JsonObject): number {
  let count = 0;
  for (const field of energyFields) {
    const raw = energy[field.from];
    if (Array.isArray(raw) && !(oldTariffs.has(field.from) && isOldTariffs(energy, raw))) {
      count = Math.max(count, raw.length);
    }
  }
  return count;
}

function isOldTariffs(energy: JsonObject, list: readonly unknown[]): boolean {
  return list.length === 3 && typeof energy["Power"] === "number";
}

function readEnergyField(
  energy: JsonObject,
  field: NumberField,
  count: number,
  found: ChannelReadings,
): string | null {
  const raw = energy[field.from];
  if (raw === undefined || raw === null) return null;
  if (Array.isArray(raw)) {
    const tariffName = isOldTariffs(energy, raw) ? oldTariffs.get(field.from) : undefined;
    if (tariffName !== undefined) {
      const fields = tariffs.find(([name]) => name === tariffName)?.[1] ?? [];
      const problem = setValue(found, sumOf(count), field, raw[0]);
      return problem ?? readTariffs(raw.slice(1), fields, sumOf(count), found);
    }
    for (const [at, entry] of raw.entries()) {
      const problem = setValue(found, String(at + 1), field, entry);
      if (problem !== null) return problem;
    }
    return null;
  }
  if (count === 0 || !shared.has(field.from)) return setValue(found, sumOf(count), field, raw);
  for (let channel = 1; channel <= count; channel++) {
    const problem = setValue(found, String(channel), field, raw);
    if (problem !== null) return problem;
  }
  return null;
}

function readTariffs(
  list: readonly unknown[],
  fields: readonly NumberField[],
  channel: string,
  found: ChannelReadings,
): string | null {
  for (const [at, field] of fields.entries()) {
    const problem = setValue(found, channel, field, list[at]);
    if (problem !== null) return problem;
  }
  return null;
}

/** Sets one value; a reason only for a number that is not finite. */
function setValue(found: ChannelReadings, channel: string, field: NumberField, raw: unknown): string | null {
  const value = readValue(raw, field);
  if (value === undefined) return isInfinite(raw) ? fieldProblem(raw, field, "ENERGY.") : null;
  found.valuesOf(channel)[field.to] = value;
  return null;
}
