import { describe, expect, it } from "vitest";
import { createCity, type Edge, type Leg } from "../../firmware-sim/city.ts";
import { decimal } from "../../firmware-sim/fare.ts";
import { createFleet } from "../../firmware-sim/fleet.ts";
import { sunElevationRad } from "../../firmware-sim/load.ts";
import { localMidnight, localTimeWithOffset } from "../../firmware-sim/localtime.ts";
import { busiestEdges, createTraffic } from "../../firmware-sim/traffic.ts";
import { Vehicle } from "../../firmware-sim/vehicle.ts";
import type { Domain } from "../../src/model/reading.ts";

type Body = Record<string, unknown>;

function play(
  domain: Domain,
  from: string,
  minutes: number,
  seed = 5,
): { device: string; topic: string; body: Body }[] {
  const startTime = Date.parse(from);
  const fleet = createFleet({ seed, startTime, domains: [domain] });
  const all: { device: string; topic: string; body: Body }[] = [];
  while (fleet.time < startTime + minutes * 60_000) {
    for (const { device, topic, payload } of fleet.step())
      all.push({ device, topic, body: JSON.parse(payload) });
  }
  return all;
}

function counterOf(body: Body): number[] {
  const energy = body["ENERGY"] as Record<string, number> | undefined;
  if (energy) return [energy["Total"] as number];
  return [body["energyImportWh"] as number, body["energyExportWh"] as number];
}

describe("energy", () => {
  it("has counters that never go back, midnight included", () => {
    const last = new Map<string, number[]>();
    for (const { device, body } of play("energy", "2026-11-20T21:30:00Z", 60)) {
      const counters = counterOf(body);
      for (const [i, before] of (last.get(device) ?? []).entries()) {
        expect(counters[i], device).toBeGreaterThanOrEqual(before);
      }
      last.set(device, counters);
    }
    expect(last.size).toBe(6);
  });

  it("integrates the power it reports", () => {
    const heat = play("energy", "2026-11-20T08:00:00Z", 60).filter(
      ({ topic }) => topic === "tele/heatpump-4/SENSOR",
    );
    const energies = heat.map(({ body }) => body["ENERGY"] as Record<string, number>);
    const meanW = energies.reduce((sum, { Power = 0 }) => sum + Power, 0) / energies.length;
    const usedWh = 1000 * ((energies.at(-1)?.["Total"] ?? 0) - (energies[0]?.["Total"] ?? 0));
    expect(usedWh).toBeGreaterThan(100);
    expect(Math.abs(usedWh - meanW)).toBeLessThan(5);
  });

  it("continues its counters when the simulator is restarted", () => {
    const lastTotal = (from: string, minutes: number): unknown => {
      const flat = play("energy", from, minutes).filter(({ device }) => device === "energy-flat-1");
      return flat.map(({ body }) => counterOf(body)[0]).at(-1);
    };
    expect(lastTotal("2026-11-20T08:29:00Z", 1)).toBe(lastTotal("2026-11-20T08:00:00Z", 30));
  });

  it("sets Tasmota's Today back at midnight and keeps it as Yesterday", () => {
    const flat = play("energy", "2026-11-20T21:59:00Z", 2).filter(({ device }) => device === "energy-flat-1");
    const [first, last] = [flat[0]?.body["ENERGY"] as Body, flat.at(-1)?.body["ENERGY"] as Body];
    expect(last["Today"]).toBeLessThan(0.1);
    expect(last["Yesterday"]).toBeCloseTo(first["Today"] as number, 1);
  });

  it("has sun by day and none by night", () => {
    const noon = play("energy", "2026-06-20T10:00:00Z", 1).find(({ device }) => device === "energy-solar-3");
    const night = play("energy", "2026-11-20T22:00:00Z", 1).find(({ device }) => device === "energy-solar-3");
    expect(noon?.body["powerW"]).toBeLessThan(-500);
    expect(night?.body["powerW"]).toBeGreaterThan(0);
    // 53.3° at the solstice: 90 - 60.17 + 23.44.
    expect((sunElevationRad(Date.parse("2026-06-21T10:22:00Z")) * 180) / Math.PI).toBeCloseTo(53.3, 0);
  });
});

describe("local time", () => {
  it.each([
    ["2026-03-29T00:59:59Z", "2026-03-29T02:59:59+02:00"],
    ["2026-03-29T01:00:00Z", "2026-03-29T04:00:00+03:00"],
    ["2026-10-25T00:59:59Z", "2026-10-25T03:59:59+03:00"],
    ["2026-10-25T01:00:00Z", "2026-10-25T03:00:00+02:00"],
  ])("writes %s as %s", (utc, local) => {
    expect(localTimeWithOffset(Date.parse(utc))).toBe(local);
  });

  it("finds midnight on the days of change", () => {
    expect(localMidnight(Date.parse("2026-03-29T12:00:00Z"))).toBe(Date.parse("2026-03-28T22:00:00Z"));
    expect(localMidnight(Date.parse("2026-10-25T12:00:00Z"))).toBe(Date.parse("2026-10-24T21:00:00Z"));
  });
});

describe("road", () => {
  const city = createCity();
  const traffic = createTraffic(city, 5);
  const leg: Leg = { edge: busiestEdges(city)[0] as Edge, isForward: true };

  it("has more vehicles in the morning peak than at night", () => {
    const peak = traffic.flowVph(leg, Date.parse("2026-11-20T06:00:00Z"));
    const night = traffic.flowVph(leg, Date.parse("2026-11-20T01:00:00Z"));
    expect(peak).toBeGreaterThan(5 * night);
  });

  it("has a jam at some place at most times, and free streets elsewhere", () => {
    const bodies = play("road", "2026-11-20T10:00:00Z", 60).filter(({ topic }) => /\/51(58|61)$/.test(topic));
    const shares = bodies.map(({ body }) => body["value"] as number);
    expect(Math.min(...shares)).toBeLessThan(40);
    expect(shares.filter((share) => share > 85).length / shares.length).toBeGreaterThan(0.7);
    expect(Math.max(...shares)).toBeLessThanOrEqual(112);
  });

  it("slows the vehicles in a jam", () => {
    const jam = findJam();
    const vehicle = new Vehicle(
      city,
      traffic,
      { maxSpeedMs: 30, accelerationMs2: 2, brakingMs2: 3, isInTraffic: true },
      { leg: jam.leg, offsetM: 0 },
    );
    for (let i = 0; i < 20; i++) {
      vehicle.step(jam.time + i * 500, 0.5, { next: null, haltAtM: null, effort: 1 });
    }
    expect(jam.ratio).toBeLessThan(0.4);
    expect(vehicle.speedMs).toBeGreaterThan(0);
    expect(vehicle.speedMs * 3.6).toBeLessThan(0.5 * jam.leg.edge.limitKmh);
  });

  /** The worst place and time of four hours. */
  function findJam(): { leg: Leg; time: number; ratio: number } {
    let worst = { leg, time: 0, ratio: 1 };
    for (let time = Date.parse("2026-11-20T10:00:00Z"), i = 0; i < 480; i++, time += 30_000) {
      for (const edge of busiestEdges(city).slice(0, 8)) {
        const candidate = { edge, isForward: i % 2 === 0 };
        const ratio = traffic.speedRatio(candidate, time);
        if (ratio < worst.ratio) worst = { leg: candidate, time, ratio };
      }
    }
    return worst;
  }
});

describe("transit", () => {
  const messages = play("transit", "2026-11-20T05:30:00Z", 90);
  const eventsOf = (device: string): string[] =>
    messages
      .filter((message) => message.device === device)
      .flatMap(({ body }) => Object.keys(body))
      .filter((e) => e !== "VP");

  it("stops in the order of the real events", () => {
    const events = eventsOf("transit-vehicle-2").join(" ");
    expect(events).toMatch(/^VJA /);
    expect(events).toContain("ARR ARS DOO DOC DEP");
    expect(events).toContain("ARR ARS DOO DOC VJOUT VJA DOO DOC DEP");
    expect(messages.some(({ body }) => "PAS" in body)).toBe(true);
  });

  it("is late at times and recovers; late is negative", () => {
    const delays = messages.flatMap(({ body }) => {
      const vp = body["VP"] as Record<string, number> | undefined;
      return vp ? [-(vp["dl"] as number)] : [];
    });
    expect(Math.max(...delays)).toBeGreaterThan(45);
    expect(Math.max(...delays)).toBeLessThan(15 * 60);
    expect(Math.min(...delays)).toBeGreaterThan(-90);
    expect(delays.filter((delay) => delay < 30).length / delays.length).toBeGreaterThan(0.3);
  });

  it("says in the topic what it says in the payload", () => {
    for (const { topic, body } of messages.filter((_, i) => i % 23 === 0)) {
      const [[name, event]] = Object.entries(body) as [[string, Record<string, unknown>]];
      const levels = topic.split("/");
      expect(levels.slice(0, 6)).toEqual(["", "hfp", "v2", "journey", "ongoing", name?.toLowerCase()]);
      expect(Number(levels[8])).toBe(event["veh"]);
      expect(levels.slice(9, 11)).toEqual([event["route"], event["dir"]]);
      expect(levels[12]).toBe(event["start"]);
      expect(levels).toHaveLength(19);
    }
  });

  it("keeps the night's trips on the day before", () => {
    const night = play("transit", "2026-11-19T23:30:00Z", 1)[0]?.body["VJA"] as Body;
    expect(night["oday"]).toBe("2026-11-19");
  });
});

describe("fare", () => {
  it("writes amounts with the decimals of the currency", () => {
    expect([decimal(12_800, 0), decimal(7100, 2), decimal(45_125, 3), decimal(5, 3)]).toEqual([
      "12800",
      "71.00",
      "45.125",
      "0.005",
    ]);
  });

  it("moves prices, adds up and expires after it was quoted", () => {
    const prices = new Map<string, Set<string>>();
    for (const { device, body } of play("fare", "2026-11-20T10:00:00Z", 20)) {
      const { total = "", base = "", tax = "" } = body["price"] as Record<string, string>;
      const minor = (amount: string): number => Number(amount.replace(".", ""));
      expect(minor(base) + minor(tax)).toBe(minor(total));
      expect(Date.parse(String(body["expiresAt"]))).toBeGreaterThan(Date.parse(String(body["quotedAt"])));
      prices.set(device, (prices.get(device) ?? new Set()).add(total));
    }
    for (const [device, seen] of prices) expect(seen.size, device).toBeGreaterThan(3);
  });
});
