import { alerts } from "../../src/insights/alerts.ts";
import { eta } from "../../src/insights/eta.ts";
import { fares } from "../../src/insights/fares.ts";
import { geofence } from "../../src/insights/geofence.ts";
import { presence } from "../../src/insights/presence.ts";
import { roads } from "../../src/insights/roads.ts";
import { trips } from "../../src/insights/trips.ts";
import { usage } from "../../src/insights/usage.ts";
import type { Reading } from "../../src/model/reading.ts";
import { buses } from "./insight-buses.ts";
import {
  dayMs,
  dayStart,
  degreeM,
  each,
  hourMs,
  type InsightDay,
  minuteMs,
  quarterMs,
  rounded,
  secondMs,
  told,
} from "./insight-day.ts";
import { bills, habits, quiet, wattsOf } from "./insight-homes.ts";

/** Vans that drive for 20 minutes north or south at 40 km/h, and then stand for 40 at one of two places. */
function vanAt(device: number, time: number): Reading {
  const minute = (time - dayStart) / minuteMs + device * 7;
  const way = Math.min(20, minute % 60) / 20;
  const isBack = Math.floor(minute / 60) % 2 === 1;
  const isDriving = minute % 60 < 20;
  // Noise of the receiver, the same in every run.
  const noise = (Math.sin(minute * 12.9898 + device) * 43_758.5453) % 1;
  const lengthM = 13_333;
  const north = ((isBack ? 1 - way : way) * lengthM) / degreeM;
  return {
    domain: "gps",
    device: `van-${device}`,
    time,
    values: {
      lat: rounded(60 + (device % 40) / 100 + north + noise * 3e-5, 6),
      lon: rounded(25 + Math.floor(device / 40) / 100 + noise * 5e-5, 6),
      speedKmh: isDriving ? rounded(40 + noise * 5, 1) : 0,
      courseDeg: isBack ? 180 : 0,
      accuracyM: 5,
    },
  };
}

const gps: InsightDay = {
  name: "gps",
  rhythm: "1,000 vans, a position a minute, a third of the time on the way; 1,000 fences, 10 places",
  insights: [
    { insight: presence, settings: {} },
    { insight: trips, settings: { speedLimitKmh: 43 } },
    {
      insight: geofence,
      settings: {
        fences: each.map((n) => ({
          name: `fence-${n}`,
          circle: { lat: 60 + (n % 40) / 80, lon: 25 + Math.floor(n / 40) / 100, radiusM: 150 },
        })),
      },
    },
    {
      insight: eta,
      settings: {
        places: each.slice(0, 10).map((n) => ({ name: `place-${n}`, lat: 60.1 + n / 30, lon: 25.1 })),
      },
    },
  ],
  commits: () => told(dayStart, dayStart + dayMs, minuteMs, vanAt),
};

const countedWh = new Map<number, number>();

function meterAt(device: number, time: number): Reading {
  const powerW = wattsOf(device, time);
  const energyImportWh = rounded((countedWh.get(device) ?? device * 1_000) + powerW / 60, 3);
  countedWh.set(device, energyImportWh);
  const values = { powerW, energyImportWh, voltageV: 230 + (device % 5), currentA: rounded(powerW / 230, 2) };
  return { domain: "energy", device: `site-${device % 100}/meter-${device}`, time, values };
}

const energy: InsightDay = {
  name: "energy",
  rhythm: "1,000 meters at 100 sites, power and a counter a minute",
  insights: [
    {
      insight: usage,
      settings: {
        timezone: "Europe/Berlin",
        sites: Array.from({ length: 100 }, (_, n) => ({
          name: `site-${n}`,
          grid: [`energy/site-${n}/#`],
          groups: [{ name: "some", meters: [`energy/site-${n}/meter-${n}`] }],
        })),
      },
    },
    {
      insight: alerts,
      settings: {
        rules: [
          { name: "load", filter: "energy/#", field: "powerW", above: 3_000, forS: 600, hysteresis: 200 },
          { name: "voltage", filter: "energy/#", field: "voltageV", below: 231 },
        ],
      },
    },
  ],
  commits: () => {
    countedWh.clear();
    return told(dayStart, dayStart + dayMs, minuteMs, meterAt);
  },
};

const segments = 500;

/** Of the grid of roads, south end of segment n. */
function cornerOf(segment: number): [lat: number, lon: number] {
  return [60 + (segment % 25) / 100, 25 + Math.floor(segment / 25) / 50];
}

/** One of 500 sensors, or of 500 taxis that drive along the segments one after the other; slow in the rush hours. */
function trafficAt(device: number, time: number): Reading {
  const hour = ((time - dayStart) / hourMs) % 24;
  const rush = Math.max(0, 1 - Math.abs(hour - 8) / 2, 1 - Math.abs(hour - 17) / 2);
  const speedKmh = rounded(60 - 50 * rush + 5 * Math.sin(device + time / 300_000), 1);
  if (device < segments) {
    const values = { speedKmh, flowVph: Math.round(300 + 900 * rush), intervalS: 60 };
    return { domain: "road", device: `loop-${device}`, time, values };
  }
  const way = (time - dayStart) / minuteMs / 2 + device * 13;
  const [lat, lon] = cornerOf(Math.floor(way) % segments);
  const values = { lat: rounded(lat + (way % 1) / 100, 6), lon, speedKmh, courseDeg: 0, accuracyM: 5 };
  return { domain: "gps", device: `taxi-${device}`, time, values };
}

const road: InsightDay = {
  name: "road",
  rhythm: "500 sensors each minute and 500 taxis twice a minute, on 500 segments",
  insights: [
    {
      insight: roads,
      settings: {
        segments: Array.from({ length: segments }, (_, n) => {
          const [lat, lon] = cornerOf(n);
          const line = [
            [lat, lon],
            [lat + 0.01, lon],
          ];
          return { name: `segment-${n}`, line, freeFlowKmh: 60, sensors: [{ device: `loop-${n}` }] };
        }),
        routes: Array.from({ length: 20 }, (_, n) => ({
          name: `route-${n}`,
          segments: Array.from({ length: 25 }, (_, at) => `segment-${25 * n + at}`),
          choice: `choice-${n % 10}`,
        })),
      },
    },
  ],
  *commits() {
    for (const { at, readings } of told(dayStart, dayStart + dayMs, 30 * secondMs, trafficAt)) {
      const isSensed = at % minuteMs < 30 * secondMs;
      yield { at, readings: readings.filter(({ domain }) => isSensed || domain === "gps") };
    }
  },
};

function quoteAt(flight: number, time: number): Reading {
  const round = Math.floor((time - dayStart) / quarterMs);
  const segments = [{ carrier: "ZZ", number: String(flight), departLocal: "2026-12-24T07:25:00" }];
  const values = {
    quoteId: `q-${flight}-${round}`,
    origin: `A${flight % 50}`,
    destination: `B${flight % 50}`,
    currency: "EUR",
    exponent: 2,
    amountMinor: 10_000 + (flight % 20) * 500 + Math.round(1_500 * Math.sin(round / 7 + flight)),
    cabin: "economy",
    expiresAt: new Date(time + 20 * minuteMs).toISOString(),
    segments,
  };
  return { domain: "fare", device: "acme", channel: `q-${flight}-${round}`, time, values };
}

const quotes: InsightDay = {
  name: "fare",
  rhythm: "1,000 flights on 50 routes, a quote each 15 minutes; 1,000 watches",
  insights: [
    {
      insight: fares,
      settings: {
        watches: each.map((n) => ({
          name: `watch-${n}`,
          from: `A${n % 50}`,
          to: `B${n % 50}`,
          currency: "EUR",
          below: 80 + (n % 60),
        })),
      },
    },
  ],
  commits: () => told(dayStart, dayStart + dayMs, quarterMs, quoteAt),
};

export const insightDays: readonly InsightDay[] = [gps, energy, bills, quiet, habits, road, buses, quotes];
