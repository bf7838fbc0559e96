/**
 * The values a reading may have by contract, with the ranges outside which a number is nonsense in that unit. Written
 * down once, so that every format agrees.
 */
export interface Range {
  readonly min: number;
  readonly max: number;
  readonly integer?: boolean;
}

const nonNegative: Range = { min: 0, max: Number.MAX_VALUE };
const finite: Range = { min: -Number.MAX_VALUE, max: Number.MAX_VALUE };
const percent: Range = { min: 0, max: 100 };
const minorUnits: Range = { min: 0, max: Number.MAX_SAFE_INTEGER, integer: true };

/** Every numeric value of the contract; the unit is in the name. */
export const ranges = {
  lat: { min: -90, max: 90 },
  lon: { min: -180, max: 180 },
  altM: finite,
  speedKmh: nonNegative,
  // Degrees clockwise from north; 360 is written as 0.
  courseDeg: { min: 0, max: 360 },
  accuracyM: nonNegative,
  batteryPct: percent,
  satellites: nonNegative,
  hdop: nonNegative,
  odometerM: nonNegative,
  powerW: finite,
  apparentPowerVa: finite,
  reactivePowerVar: finite,
  powerFactor: { min: -1, max: 1 },
  voltageV: finite,
  currentA: finite,
  frequencyHz: nonNegative,
  energyImportWh: finite,
  energyExportWh: finite,
  energyImportT1Wh: finite,
  energyImportT2Wh: finite,
  energyExportT1Wh: finite,
  energyExportT2Wh: finite,
  // Electricity can cost less than nothing.
  priceMinorPerMwh: { min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, integer: true },
  flowVph: nonNegative,
  occupancyPct: percent,
  intervalS: nonNegative,
  speedRatio: nonNegative,
  delayS: finite,
  directionId: { min: 0, max: 1, integer: true },
  arrivalDelayS: finite,
  departureDelayS: finite,
  amountMinor: minorUnits,
  baseMinor: minorUnits,
  taxMinor: minorUnits,
  exponent: { min: 0, max: 4, integer: true },
} as const satisfies Record<string, Range>;

export type NumberName = keyof typeof ranges;

/** What a vehicle can report (transit `event`). */
export const transitEvents: ReadonlySet<string> = new Set([
  "position",
  "approach",
  "arriveRadius",
  "arrive",
  "ready",
  "depart",
  "pass",
  "wait",
  "doorsOpen",
  "doorsClosed",
  "journeyStart",
  "journeyEnd",
  "prediction",
  "alert",
]);
