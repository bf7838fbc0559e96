import type { Value, Values } from "../model/reading.ts";
import type { ChannelReadings } from "./channel-readings.ts";
import { type NumberField, numberField, readValue, setField } from "./fields.ts";
import type { JsonObject } from "./json-payload.ts";
import { isEmpty } from "./outcome.ts";

/*
 * The customer interface of French meters (Enedis-NOI-CPT_54E): names of the historic and the standard mode. Counters
 * are Wh, apparent power VA, currents A, voltages V; numbers are zero-padded text.
 */
const meterFields: readonly NumberField[] = [
  numberField("BASE", "energyImportWh"),
  numberField("EAST", "energyImportWh"),
  numberField("EAIT", "energyExportWh"),
  numberField("HCHC", "energyImportT1Wh"),
  numberField("HCHP", "energyImportT2Wh"),
  numberField("EJPHN", "energyImportT1Wh"),
  numberField("EJPHPM", "energyImportT2Wh"),
  numberField("EASF01", "energyImportT1Wh"),
  numberField("EASF02", "energyImportT2Wh"),
  numberField("PAPP", "apparentPowerVa"),
  numberField("SINSTS", "apparentPowerVa"),
  numberField("IINST", "currentA"),
];

/** What each phase has, with the phase's digit behind the name. */
const phaseNames = [
  ["SINSTS", "apparentPowerVa"],
  ["IINST", "currentA"],
  ["IRMS", "currentA"],
  ["URMS", "voltageV"],
] as const;

/** What a name means: a value of the meter (phase 0) or of one of its phases. */
interface Role {
  readonly phase: number;
  readonly field: NumberField;
}

const roles: ReadonlyMap<string, Role> = new Map([
  ...meterFields.map((field): [string, Role] => [field.from, { phase: 0, field }]),
  ...[1, 2, 3].flatMap((phase) =>
    phaseNames.map(([stem, to]): [string, Role] => {
      const field = numberField(`${stem}${phase}`, to);
      return [field.from, { phase, field }];
    }),
  ),
]);

/** Contracts without one running counter: their registers together are what was used. */
const registers: readonly (readonly NumberField[])[] = [
  ["HCHC", "HCHP"],
  ["EJPHN", "EJPHPM"],
  ["BBRHCJB", "BBRHPJB", "BBRHCJW", "BBRHPJW", "BBRHCJR", "BBRHPJR"],
].map((names) => names.map((name) => numberField(name, "energyImportWh")));

/**
 * Reads a `TIC` object into values by channel: "" is the meter, `L1` to `L3` its phases. The phase of a single-phase
 * meter is the meter. What is there already (from `ENERGY`, which is exacter) stays. Returns a reason if the object is
 * no good as a whole.
 */
export function readTeleinfo(tic: JsonObject, found: ChannelReadings): string | null {
  const meter: Values = {};
  const phases: [Values, Values, Values] = [{}, {}, {}];
  for (const name in tic) {
    const role = roles.get(name);
    if (role === undefined) continue;
    const problem = setField(tic[name], role.field, phases[role.phase - 1] ?? meter, "TIC.");
    if (problem !== null) return problem;
  }
  if (meter["energyImportWh"] === undefined) sumRegisters(tic, meter);
  addValues(found, "", meter);
  const isThreePhase = !isEmpty(phases[1]) || !isEmpty(phases[2]);
  for (const [at, values] of phases.entries()) addValues(found, isThreePhase ? `L${at + 1}` : "", values);
  return null;
}

function sumRegisters(tic: JsonObject, meter: Values): void {
  for (const fields of registers) {
    let sum = 0;
    for (const field of fields) {
      sum += readValue(tic[field.from], field) ?? Number.NaN;
      if (Number.isNaN(sum)) break;
    }
    if (!Number.isNaN(sum)) meter["energyImportWh"] = sum;
  }
}

function addValues(found: ChannelReadings, channel: string, values: Values): void {
  for (const name in values) {
    const known = found.valuesOf(channel);
    if (known[name] === undefined) known[name] = values[name] as Value;
  }
}
