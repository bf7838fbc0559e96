import { describe, expect, it } from "vitest";
import { createCity } from "../../firmware-sim/city.ts";
import { createFleet } from "../../firmware-sim/fleet.ts";
import { distanceM, type Point, toPoint } from "../../firmware-sim/geo.ts";

const startTime = Date.parse("2026-11-20T05:00:00Z");
const city = createCity();

interface Fix {
  readonly time: number;
  readonly at: Point;
  readonly speedKmh: number;
}

/** The fixes of every vehicle over two hours, the morning peak included. */
const fixes = collectFixes();

function collectFixes(): Map<string, Fix[]> {
  const fleet = createFleet({ seed: 3, startTime, domains: ["gps", "transit"] });
  const byDevice = new Map<string, Fix[]>();
  while (fleet.time < startTime + 2 * 3_600_000) {
    for (const message of fleet.step()) {
      const fix = fixOf(message.topic, JSON.parse(message.payload));
      if (!fix) continue;
      const list = byDevice.get(message.device) ?? [];
      list.push(fix);
      byDevice.set(message.device, list);
    }
  }
  return byDevice;
}

function fixOf(topic: string, payload: Record<string, number> & { VP?: Record<string, number> }): Fix | null {
  if (topic.startsWith("owntracks/"))
    return fix(payload, "lon", Number(payload["tst"]) * 1000, Number(payload["vel"]));
  if (topic.startsWith("telemetry/")) {
    return fix(payload, "lon", Date.parse(String(payload["time"])), Number(payload["speedKmh"]));
  }
  const vp = payload.VP;
  return vp ? fix(vp, "long", Date.parse(String(vp["tst"])), Number(vp["spd"]) * 3.6) : null;
}

function fix(body: Record<string, number>, lon: string, time: number, speedKmh: number): Fix {
  return { time, at: toPoint({ lat: Number(body["lat"]), lon: Number(body[lon]) }), speedKmh };
}

function toStreetM(p: Point): number {
  return Math.min(
    ...city.edges.map(({ from, to, lengthM }) => {
      const [a, b] = [city.nodes[from] as Point, city.nodes[to] as Point];
      const along = ((p.x - a.x) * (b.x - a.x) + (p.y - a.y) * (b.y - a.y)) / lengthM ** 2;
      const part = Math.max(0, Math.min(1, along));
      return distanceM(p, { x: a.x + (b.x - a.x) * part, y: a.y + (b.y - a.y) * part });
    }),
  );
}

describe("the city", () => {
  it("is one piece: every junction can be reached from every other", () => {
    const reached = new Set([0]);
    const frontier = [0];
    for (let node = frontier.pop(); node !== undefined; node = frontier.pop()) {
      for (const { edge } of city.exits[node] ?? []) {
        for (const next of [edge.from, edge.to]) {
          if (!reached.has(next)) frontier.push(next);
          reached.add(next);
        }
      }
    }
    expect(reached.size).toBe(city.nodes.length);
  });
});

describe("vehicles", () => {
  it("stay on the streets, but for the error of their receivers", () => {
    for (const [device, list] of fixes) {
      const farthestM = Math.max(...list.filter((_, i) => i % 5 === 0).map(({ at }) => toStreetM(at)));
      expect(farthestM, device).toBeLessThan(device.startsWith("gps-") ? 15 : 1);
    }
  });

  it("never jump: from fix to fix they cover what their speed allows", () => {
    for (const [device, list] of fixes) {
      for (const [i, next] of list.slice(1).entries()) {
        const before = list[i] as Fix;
        const seconds = (next.time - before.time) / 1000;
        const reachM =
          (Math.max(before.speedKmh, next.speedKmh) / 3.6) * seconds + (device.startsWith("gps-") ? 8 : 1);
        expect(distanceM(before.at, next.at), `${device} at ${before.time}`).toBeLessThan(reachM + 1);
      }
    }
  });

  it("accelerate and brake like vehicles, within the limits of the roads", () => {
    for (const [device, list] of fixes) {
      for (const [i, next] of list.slice(1).entries()) {
        const gainedMs =
          (next.speedKmh - (list[i] as Fix).speedKmh) / 3.6 / ((next.time - (list[i] as Fix).time) / 1000);
        expect(Math.abs(gainedMs), `${device} at ${next.time}`).toBeLessThan(3.2);
      }
      expect(Math.max(...list.map(({ speedKmh }) => speedKmh)), device).toBeLessThan(90);
    }
  });

  it("do not stand still for good", () => {
    for (const [device, list] of fixes) {
      const moving = list.filter(({ speedKmh }) => speedKmh > 2).length;
      expect(moving / list.length, device).toBeGreaterThan(0.3);
      const late = list.slice(-900);
      expect(
        late.some(({ speedKmh }) => speedKmh > 2),
        device,
      ).toBe(true);
    }
  });
});
