import { isoTime } from "../src/model/reading.ts";
import type { Device, DeviceSettings, Message } from "./device.ts";
import { roundTo } from "./geo.ts";
import { chargerLoad, heatPumpLoad, householdLoad, type Load, solarHouseLoad, solarLoad } from "./load.ts";
import { dayMs, localMidnight, localTimeWithOffset } from "./localtime.ts";
import { noiseAt, seedFor, smoothNoiseAt } from "./random.ts";

interface Kind {
  readonly name: string;
  readonly load: Load;
  readonly powerFactor: number;
  /** What it used and produced on an average day of its life before the simulation. */
  readonly dailyImportWh: number;
  readonly dailyExportWh: number;
  readonly isNative: boolean;
}

const tasmota = { dailyExportWh: 0, isNative: false };
const kinds: readonly Kind[] = [
  { ...tasmota, name: "flat", load: householdLoad, powerFactor: 0.93, dailyImportWh: 7400 },
  { ...tasmota, name: "wallbox", load: chargerLoad, powerFactor: 0.99, dailyImportWh: 19_000 },
  {
    name: "solar",
    load: solarLoad,
    powerFactor: 0.99,
    dailyImportWh: 40,
    dailyExportWh: 14_000,
    isNative: true,
  },
  { ...tasmota, name: "heatpump", load: heatPumpLoad, powerFactor: 0.88, dailyImportWh: 21_000 },
  {
    name: "house",
    load: solarHouseLoad,
    powerFactor: 0.95,
    dailyImportWh: 20_000,
    dailyExportWh: 6000,
    isNative: true,
  },
  { ...tasmota, name: "flat", load: householdLoad, powerFactor: 0.93, dailyImportWh: 7400 },
];

/** When the meters were installed. */
const installedAt = Date.UTC(2024, 11, 31, 22);
/** Counters integrate on a grid that begins at midnight, so they are the same whenever the simulation started. */
const cellMs = 10_000;

/** The `index`-th meter's name: flats, a wall box, a solar inverter, a heat pump, a house with its own roof. */
export function energyDeviceName(index: number): string {
  return `${kindAt(index).name}-${index + 1}`;
}

/**
 * A meter. Those that only consume speak Tasmota (`tele/<topic>/SENSOR`, tasmota/docs), those that also produce speak
 * the native format (`telemetry/energy/<device>`).
 */
export function createEnergyDevice(settings: DeviceSettings, index: number): Device {
  const kind = kindAt(index);
  const name = energyDeviceName(index);
  const meter = new Meter(kind, seedFor(settings.seed, "load"), settings.startTime);
  const topic = kind.isNative ? `telemetry/energy/${name}` : `tele/${name}/SENSOR`;
  const describe = kind.isNative ? describeNative : describeTasmota;
  return {
    id: settings.id,
    domain: "energy",
    topic: `energy/${name}`,
    model: kind.isNative ? "two-way meter" : "Tasmota meter",
    step(time) {
      meter.advance(time);
      return [];
    },
    report(time): Message[] {
      return [{ device: settings.id, topic, payload: JSON.stringify(describe(time, meter)) }];
    },
    past(): Message[] {
      const messages: Message[] = [];
      for (const then of walkPast(kind, seedFor(settings.seed, "load"), settings.startTime)) {
        const payload = JSON.stringify(describe(then.time, then.meter));
        messages.push({ device: settings.id, topic, payload });
      }
      return messages;
    },
  };
}

/** What a meter keeps while it is without network: a reading per quarter-hour, for so long. */
const pastDays = 16;
const pastStepMs = 15 * 60_000;
/** The house's meter had no power for a while before the beginning, so that there is a gap. */
const outage = { kind: "house", fromMs: 8 * 3_600_000, toMs: 6 * 3_600_000 } as const;

/** The meter at each full quarter-hour before the beginning; the counters go on where these end. */
function* walkPast(kind: Kind, seed: number, startTime: number): Generator<{ time: number; meter: Meter }> {
  const first = Math.ceil((startTime - pastDays * dayMs) / pastStepMs) * pastStepMs;
  const past = new Meter(kind, seed, first);
  past.advance(startTime);
  const present = new Meter(kind, seed, startTime);
  const meter = new Meter(kind, seed, first);
  meter.importWh += present.importWh - past.importWh;
  meter.exportWh += present.exportWh - past.exportWh;
  meter.reportedWh = meter.importWh;
  for (let time = first; time < startTime; time += pastStepMs) {
    meter.advance(time);
    const beforeMs = startTime - time;
    const isOut = kind.name === outage.kind && beforeMs <= outage.fromMs && beforeMs > outage.toMs;
    if (!isOut) yield { time, meter };
  }
}

function kindAt(index: number): Kind {
  return kinds[index % kinds.length] as Kind;
}

/** Integrates the power into counters that never go back. */
class Meter {
  readonly powerFactor: number;
  importWh: number;
  exportWh: number;
  todayWh = 0;
  yesterdayWh: number;
  /** Wh at the last report, for Tasmota's `Period`. */
  reportedWh: number;
  readonly #kind: Kind;
  readonly #seed: number;
  /** Everything up to this instant is in the counters. */
  #integratedTo: number;
  #nextMidnight: number;

  constructor(kind: Kind, seed: number, startTime: number) {
    this.powerFactor = kind.powerFactor;
    this.#kind = kind;
    this.#seed = seed;
    const midnight = localMidnight(startTime);
    const days = Math.max(0, (midnight - installedAt) / dayMs);
    this.importWh = kind.dailyImportWh * days;
    this.exportWh = kind.dailyExportWh * days;
    this.yesterdayWh = kind.dailyImportWh * (0.8 + 0.4 * noiseAt(seed, 0));
    this.#integratedTo = midnight;
    this.#nextMidnight = localMidnight(midnight + 1.5 * dayMs);
    this.advance(startTime);
    this.reportedWh = this.importWh;
  }

  advance(time: number): void {
    while (this.#integratedTo < time) {
      if (this.#integratedTo === this.#nextMidnight) this.#beginDay();
      const cellEnd = (Math.floor(this.#integratedTo / cellMs) + 1) * cellMs;
      const end = Math.min(cellEnd, time, this.#nextMidnight);
      const wattHours = (this.powerW(this.#integratedTo) * (end - this.#integratedTo)) / 3_600_000;
      if (wattHours < 0) this.exportWh -= wattHours;
      else {
        this.importWh += wattHours;
        this.todayWh += wattHours;
      }
      this.#integratedTo = end;
    }
  }

  /** Constant within a cell, so that power and counters agree. */
  powerW(time: number): number {
    return this.#kind.load(this.#seed, Math.floor(time / cellMs) * cellMs);
  }

  voltageV(time: number): number {
    const sag = Math.max(-3, Math.min(3, this.powerW(time) / 2500));
    return 228 + 6 * smoothNoiseAt(this.#seed + 50, time / 90_000) - sag;
  }

  frequencyHz(time: number): number {
    return 49.96 + 0.08 * smoothNoiseAt(this.#seed + 51, time / 30_000);
  }

  #beginDay(): void {
    this.yesterdayWh = this.todayWh;
    this.todayWh = 0;
    this.#nextMidnight = localMidnight(this.#nextMidnight + 1.5 * dayMs);
  }
}

function describeTasmota(time: number, meter: Meter): object {
  const powerW = Math.round(meter.powerW(time));
  const voltageV = Math.round(meter.voltageV(time));
  const apparentVa = Math.round(powerW / meter.powerFactor);
  const periodWh = Math.floor(meter.importWh - meter.reportedWh);
  meter.reportedWh += periodWh;
  return {
    Time: localTimeWithOffset(time),
    ENERGY: {
      TotalStartTime: "2025-01-01T00:00:00",
      Total: roundTo(meter.importWh / 1000, 3),
      Yesterday: roundTo(meter.yesterdayWh / 1000, 3),
      Today: roundTo(meter.todayWh / 1000, 3),
      Period: periodWh,
      Power: powerW,
      ApparentPower: apparentVa,
      ReactivePower: Math.round(Math.sqrt(apparentVa ** 2 - powerW ** 2)),
      Factor: powerW === 0 ? 0 : meter.powerFactor,
      Voltage: voltageV,
      Current: roundTo(apparentVa / voltageV, 3),
    },
  };
}

function describeNative(time: number, meter: Meter): object {
  const powerW = roundTo(meter.powerW(time), 1);
  const voltageV = roundTo(meter.voltageV(time), 1);
  return {
    time: isoTime(time),
    powerW,
    voltageV,
    currentA: roundTo(Math.abs(powerW) / meter.powerFactor / voltageV, 3),
    powerFactor: meter.powerFactor,
    frequencyHz: roundTo(meter.frequencyHz(time), 2),
    energyImportWh: roundTo(meter.importWh, 1),
    energyExportWh: roundTo(meter.exportWh, 1),
  };
}
