import type { NumberName } from "./vocabulary.ts";

const speed = {
  "km/h": 1,
  kmh: 1,
  "m/s": 3.6,
  "cm/s": 0.036,
  mph: 1.609344,
  kn: 1.852,
  knots: 1.852,
  "ft/s": 1.09728,
};
const energy = {
  Wh: 1,
  kWh: 1_000,
  MWh: 1_000_000,
  Wmin: 1 / 60,
  Ws: 1 / 3_600,
  J: 1 / 3_600,
  kJ: 1 / 3.6,
  MJ: 1_000 / 3.6,
  GJ: 1_000_000 / 3.6,
};
const power = { W: 1, mW: 0.001, kW: 1_000, MW: 1_000_000 };
const length = { m: 1, cm: 0.01, km: 1_000, ft: 0.3048, mi: 1_609.344, nmi: 1_852 };
const angle = { deg: 1, "°": 1, rad: 180 / Math.PI };
const percent = { "%": 1, "1": 100, ratio: 100, "‰": 0.1 };
const ratio = { "1": 1, ratio: 1, "%": 0.01 };
const duration = { s: 1, ms: 0.001, us: 0.000_001, min: 60, h: 3_600 };

type Units = Readonly<Record<string, number>>;

/** Factor from each unit that a source may use to the unit in the value's name, by the end of the name. */
const units: readonly (readonly [RegExp, Units])[] = [
  [/Kmh$/, speed],
  [/Wh$/, energy],
  [/Va$/, { VA: 1, kVA: 1_000 }],
  [/Var$/, { var: 1, kvar: 1_000 }],
  [/powerFactor$|speedRatio$/, ratio],
  [/W$/, power],
  [/[a-z]V$/, { V: 1, mV: 0.001, kV: 1_000 }],
  [/[a-z]A$/, { A: 1, mA: 0.001 }],
  [/Hz$/, { Hz: 1, mHz: 0.001 }],
  [/Vph$/, { "veh/h": 1, "veh/min": 60, "veh/s": 3_600 }],
  [/Deg$|^lat$|^lon$/, angle],
  [/Pct$/, percent],
  [/[a-z]M$/, length],
  [/[a-z]S$/, duration],
];

/** The units that a source of this value may use, with the factor to ours; empty where a unit has no meaning. */
export function unitsOf(name: NumberName): Units {
  return units.find(([end]) => end.test(name))?.[1] ?? {};
}

/** Factor from a unit of time to seconds. */
export const durationUnits: Units = duration;
