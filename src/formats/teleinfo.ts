import type { Values } from "../model/reading.ts";
import { type NumberField, numberField, readFields, readValue } from "./fields.ts";
import type { JsonObject } from "./json-payload.ts";

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

const phaseFields: readonly (readonly NumberField[])[] = [1, 2, 3].map((phase) =>
  phaseNames.map(([name, to]) => numberField(`${name}${phase}`, to)),
);

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
export function readTeleinfo(tic: JsonObject, channels: Map<string, Values>): string | null {
  const meter: Values = {};
  const problem = readFields(tic, meterFields, meter, "TIC.");
  if (problem !== null) return problem;
  if (meter["energyImportWh"] === undefined) sumRegisters(tic, meter);
  const phases: Values[] = [{}, {}, {}];
  for (const [at, fields] of phaseFields.entries()) {
    const phaseProblem = readFields(tic, fields, phases[at] as Values, "TIC.");
    if (phaseProblem !== null) return phaseProblem;
  }
  const isThreePhase = phases.slice(1).some((values) => Object.keys(values).length > 0);
  addValues(channels, "", isThreePhase ? meter : { ...phases[0], ...meter });
  if (isThreePhase) for (const [at, values] of phases.entries()) addValues(channels, `L${at + 1}`, values);
  return null;
}

function sumRegisters(tic: JsonObject, meter: Values): void {
  for (const fields of registers) {
    let sum = 0;
    for (const field of fields) {
      sum += readValue(tic[field.from], field) ?? Number.NaN;
    }
    if (!Number.isNaN(sum)) meter["energyImportWh"] = sum;
  }
}

function addValues(channels: Map<string, Values>, channel: string, values: Values): void {
  if (Object.keys(values).length > 0) channels.set(channel, { ...values, ...channels.get(channel) });
}
