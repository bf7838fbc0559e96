import { isoTime, type Reading, type Values } from "../model/reading.ts";
import { type Calendar, type Level, levels, type Period } from "./calendar.ts";
import { type Energy, energyOf, type Meter, measures } from "./energy-meter.ts";
import { type Account, type Sum, selfUseOf, sumOf } from "./energy-site.ts";

/** Microwatt-hours as Wh, to the thousandth. */
function whOf(microWh: number | null): number | null {
  return microWh === null ? null : Math.round(microWh / 1_000) / 1_000;
}

/** What is said of a period besides energy, in seconds. */
export function knowledgeOf(
  level: Level,
  { start, end }: Period,
  { timezone }: Calendar,
  energy: Pick<Energy, "knownMs" | "estimatedMs"> | null,
): Values {
  const lengthMs = end - start;
  return {
    lengthS: lengthMs / 1_000,
    gapS: (lengthMs - (energy?.knownMs ?? 0)) / 1_000,
    estimatedS: (energy?.estimatedMs ?? 0) / 1_000,
    // A quarter-hour is the same in every zone.
    ...(level !== "quarterHour" && { timezone }),
  };
}

/** The names of what a running period has so far: `todayImportWh`. */
function runningName(level: Level, what: "Import" | "Export" | "Production" | "SelfUse"): string {
  return `${level === "day" ? "today" : level}${what}Wh`;
}

/** Highest mean import of a quarter-hour, as values of a day or a month; null while none is known. */
export function peakValues(peak: readonly [demandW: number, at: number] | null): Values {
  return peak === null
    ? { peakDemandW: null, peakAt: null }
    : { peakDemandW: peak[0], peakAt: isoTime(peak[1]) };
}

/** `importWh` and `exportWh`, each only if the meter has it at all. */
export function meterValues(
  meter: Meter,
  start: number,
  energy: Energy | null,
): { importWh?: number | null; exportWh?: number | null } {
  return {
    ...(measures(meter, "import", start) && { importWh: whOf(energy?.importMicroWh ?? null) }),
    ...(measures(meter, "export", start) && { exportWh: whOf(energy?.exportMicroWh ?? null) }),
  };
}

/** What an account has in a period. Self-use and use are unknown unless all of its meters know the whole period. */
export function sumValues({ produces }: Account, sum: Sum): Values {
  const { importMicroWh, exportMicroWh, productionMicroWh, meters, incompleteMeters } = sum;
  const values: Values = {
    importWh: whOf(importMicroWh),
    exportWh: whOf(exportMicroWh),
    meters,
    incompleteMeters,
  };
  if (!produces) return values;
  const selfUse = incompleteMeters > 0 ? null : selfUseOf(sum);
  const used = selfUse === null || importMicroWh === null ? null : importMicroWh + selfUse;
  return {
    ...values,
    productionWh: whOf(productionMicroWh),
    selfUseWh: whOf(selfUse),
    consumptionWh: whOf(used),
  };
}

/** The import of a quarter-hour of which all is known; else null. */
export function completeImport({ importMicroWh, knownMs }: Sum, { start, end }: Period): number | null {
  return knownMs === end - start ? importMicroWh : null;
}

/** What runs since this very moment. */
const justBegun: Energy = { importMicroWh: 0, exportMicroWh: 0, knownMs: 0, estimatedMs: 0 };

/** What a meter has counted so far in the periods that run. */
export function runningOf(meter: Meter, device: string, calendar: Calendar): Reading {
  const values: Values = {};
  for (const level of levels) {
    const { start } = calendar.periodOf(level, meter.newest);
    const energy = energyOf(meter, level, start) ?? (start === meter.newest ? justBegun : null);
    const { importWh, exportWh } = meterValues(meter, start, energy);
    if (importWh !== undefined) values[runningName(level, "Import")] = importWh;
    if (exportWh !== undefined) values[runningName(level, "Export")] = exportWh;
  }
  return { domain: "usage", device, channel: "now", time: meter.newest, values };
}

/** The same for an account, at the newest observation of any of its meters. */
export function runningSum(account: Account): Reading {
  const { calendar, state, name: device, produces } = account;
  const values: Values = {};
  const inMonth = sumOf(account, "month", calendar.periodOf("month", state.newest));
  for (const level of levels) {
    const period = calendar.periodOf(level, state.newest);
    const sum = level === "month" ? inMonth : sumOf(account, level, period);
    // What runs since this very moment is 0, for what is known at all.
    const soFar = (name: "importMicroWh" | "exportMicroWh" | "productionMicroWh") =>
      sum[name] ?? (period.start === state.newest && inMonth[name] !== null ? 0 : null);
    const exportMicroWh = soFar("exportMicroWh");
    const productionMicroWh = soFar("productionMicroWh");
    values[runningName(level, "Import")] = whOf(soFar("importMicroWh"));
    values[runningName(level, "Export")] = whOf(exportMicroWh);
    if (!produces) continue;
    values[runningName(level, "Production")] = whOf(productionMicroWh);
    values[runningName(level, "SelfUse")] = whOf(selfUseOf({ exportMicroWh, productionMicroWh }));
  }
  return { domain: "usage", device, channel: "now", time: state.newest, values };
}
