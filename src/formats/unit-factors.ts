import type { NumberName } from "./vocabulary.ts";

/** Factor to our unit, by the source's unit. */
export type Factors = Readonly<Record<string, number>>;

/** What can be measured in several units. */
interface Quantity {
  /** The end of the names of its values: our unit is in the name. */
  readonly end: RegExp;
  /** In UCUM's symbols, as SenML (RFC 8428, RFC 8798), Homie and Home Assistant write them; M is mega, m is milli. */
  readonly factors: Factors;
  /** Other ways in which devices write them; a config keeps to the symbols. */
  readonly spellings?: Factors;
  /** What a number in one of these units is, where nothing but the unit tells it. */
  readonly measure?: NumberName;
}

const whPerJoule = 1 / 3600;
const duration: Factors = { s: 1, ms: 0.001, us: 0.000_001, min: 60, h: 3_600 };

const quantities: readonly Quantity[] = [
  {
    end: /Kmh$/,
    factors: {
      "km/h": 1,
      kmh: 1,
      "m/s": 3.6,
      "cm/s": 0.036,
      mph: 1.609344,
      kn: 1.852,
      knots: 1.852,
      "ft/s": 1.09728,
    },
  },
  {
    end: /Wh$/,
    factors: {
      ...{ Wh: 1, mWh: 0.001, kWh: 1e3, MWh: 1e6, GWh: 1e9, TWh: 1e12, Wmin: 1 / 60, Ws: whPerJoule },
      ...{ J: whPerJoule, kJ: whPerJoule * 1e3, MJ: whPerJoule * 1e6, GJ: whPerJoule * 1e9 },
    },
    spellings: { kwh: 1e3, KWh: 1e3, KWH: 1e3 },
    measure: "energyImportWh",
  },
  { end: /Va$/, factors: { VA: 1, mVA: 0.001, kVA: 1e3, MVA: 1e6 }, measure: "apparentPowerVa" },
  {
    end: /Var$/,
    factors: { var: 1, mvar: 0.001, kvar: 1e3, Mvar: 1e6 },
    spellings: { VAr: 1, VAR: 1, kVAr: 1e3, kVAR: 1e3 },
    measure: "reactivePowerVar",
  },
  { end: /powerFactor$|speedRatio$/, factors: { "1": 1, ratio: 1, "%": 0.01 } },
  {
    end: /W$/,
    factors: { W: 1, mW: 0.001, kW: 1e3, MW: 1e6, GW: 1e9 },
    spellings: { Watt: 1, Watts: 1, w: 1, kw: 1e3, KW: 1e3 },
    measure: "powerW",
  },
  {
    end: /[a-z]V$/,
    factors: { V: 1, mV: 0.001, kV: 1e3, MV: 1e6, µV: 1e-6 },
    // The Greek letter beside the micro sign.
    spellings: { Volt: 1, Volts: 1, μV: 1e-6 },
    measure: "voltageV",
  },
  {
    end: /[a-z]A$/,
    factors: { A: 1, mA: 0.001, kA: 1e3, µA: 1e-6 },
    spellings: { Amp: 1, Amps: 1, Ampere: 1, μA: 1e-6 },
    measure: "currentA",
  },
  {
    end: /Hz$/,
    factors: { Hz: 1, mHz: 0.001, kHz: 1e3 },
    spellings: { HZ: 1, hz: 1 },
    measure: "frequencyHz",
  },
  { end: /Vph$/, factors: { "veh/h": 1, "veh/min": 60, "veh/s": 3_600 } },
  { end: /Deg$|^lat$|^lon$/, factors: { deg: 1, "°": 1, rad: 180 / Math.PI } },
  { end: /Pct$/, factors: { "%": 1, "1": 100, ratio: 100, "‰": 0.1 } },
  { end: /[a-z]M$/, factors: { m: 1, cm: 0.01, km: 1_000, ft: 0.3048, mi: 1_609.344, nmi: 1_852 } },
  { end: /[a-z]S$/, factors: duration },
];

/** The units that a source of this value may use; empty where a unit has no meaning. */
export function unitsOf(name: NumberName): Factors {
  return quantities.find(({ end }) => end.test(name))?.factors ?? {};
}

/** Factor from a unit of time to seconds. */
export const durationUnits: Factors = duration;

/** What a number in some unit is by contract, and the factor from that unit to ours. */
export interface Measure {
  readonly to: NumberName;
  readonly scale: number;
}

/** What a unit alone tells, for units of electricity. */
export const measures: ReadonlyMap<string, Measure> = new Map(
  quantities.flatMap(({ factors, spellings, measure }) =>
    measure === undefined
      ? []
      : Object.entries({ ...factors, ...spellings }).map(([unit, scale]) => [unit, { to: measure, scale }]),
  ),
);
