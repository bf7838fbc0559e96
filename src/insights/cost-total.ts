import type { Value, Values } from "../model/reading.ts";
import type { Calendar } from "./calendar.ts";
import type { PriceSeries } from "./price-series.ts";
import { flatPrice, priceAt, type Tariff } from "./tariff.ts";

/** Minor units per MWh times milliwatt-hours are these of a minor unit. */
const partsPerMinor = 1_000_000_000n;

/** Energy in whole milliwatt-hours. */
export type Amount = [importMilliWh: number, exportMilliWh: number];

/** Cost of energy: exact, in 1e-9 minor units. */
export interface Total {
  importParts: bigint;
  exportParts: bigint;
  readonly energy: Amount;
  readonly unpriced: Amount;
}

/** What the settings say of an account. */
export interface Rules {
  readonly tariff: Tariff;
  readonly calendar: Calendar;
  readonly series: readonly PriceSeries[];
}

export function newTotal(): Total {
  return { importParts: 0n, exportParts: 0n, energy: [0, 0], unpriced: [0, 0] };
}

export function copyOf({ importParts, exportParts, energy, unpriced }: Total): Total {
  return { importParts, exportParts, energy: [...energy], unpriced: [...unpriced] };
}

/** Wh of a value in whole milliwatt-hours; 0 for what is not known. */
export function milliWhOf(wh: Value | undefined): number {
  return typeof wh === "number" ? Math.round(1_000 * wh) : 0;
}

/** Adds the energy of the quarter-hour that begins at `at`, at its price. */
export function addQuarter(
  total: Total,
  at: number,
  amount: Amount,
  { tariff, calendar, series }: Rules,
): void {
  add(total, amount, [
    priceAt(tariff.import, at, calendar, series),
    priceAt(tariff.export, at, calendar, series),
  ]);
}

/** What the whole period knows and its quarter-hours do not has a price only if that is the same all the time. */
export function addRest(total: Total, known: Amount, { tariff }: Rules): void {
  const rest: Amount = [Math.max(0, known[0] - total.energy[0]), Math.max(0, known[1] - total.energy[1])];
  // Quarter-hours are rounded to milliwatt-hours each: less than this is no energy that they do not know.
  const isRounding = (milliWh: number) => milliWh <= 4_000;
  if (isRounding(rest[0])) rest[0] = 0;
  if (isRounding(rest[1])) rest[1] = 0;
  add(total, rest, [flatPrice(tariff.import), flatPrice(tariff.export)]);
}

function add(
  total: Total,
  [imported, exported]: Amount,
  [importPrice, exportPrice]: readonly [number | null, number | null],
): void {
  total.energy[0] += imported;
  total.energy[1] += exported;
  if (importPrice === null) total.unpriced[0] += imported;
  else total.importParts += BigInt(imported) * BigInt(importPrice);
  if (exportPrice === null) total.unpriced[1] += exported;
  else total.exportParts += BigInt(exported) * BigInt(exportPrice);
}

/** Money is rounded once, at the end; the balance is that of the rounded sums, so that what is shown adds up. */
export function costValues({ importParts, exportParts, unpriced }: Total, { tariff }: Rules): Values {
  const values: Values = { currency: tariff.currency };
  const importCostMinor = minorOf(importParts);
  const exportCreditMinor = minorOf(exportParts);
  if (tariff.import) {
    values["importCostMinor"] = importCostMinor;
    values["unpricedImportWh"] = unpriced[0] / 1_000;
  }
  if (tariff.export) {
    values["exportCreditMinor"] = exportCreditMinor;
    values["unpricedExportWh"] = unpriced[1] / 1_000;
  }
  values["costMinor"] = (tariff.import ? importCostMinor : 0) - (tariff.export ? exportCreditMinor : 0);
  return values;
}

/** Whole minor units, halves away from zero. */
function minorOf(parts: bigint): number {
  const half = partsPerMinor / 2n;
  return Number(parts >= 0n ? (parts + half) / partsPerMinor : -((half - parts) / partsPerMinor));
}
