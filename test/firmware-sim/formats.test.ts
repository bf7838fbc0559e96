import { describe, expect, it } from "vitest";
import { createFleet } from "../../firmware-sim/fleet.ts";
import { createRouter } from "../../src/formats/registry.ts";
import { domains, type Reading } from "../../src/model/reading.ts";
import { topicOf } from "../../src/model/topic.ts";

const startTime = Date.parse("2026-11-20T06:30:00Z");
const simulatedMs = 5 * 60_000;

/** What the gateway's own formats make of five simulated minutes. */
function decodeAll(): Map<string, Reading[]> {
  const route = createRouter({});
  const fleet = createFleet({ seed: 11, startTime, domains });
  const byDevice = new Map<string, Reading[]>(fleet.devices.map(({ id }) => [id, []]));
  const encoder = new TextEncoder();
  while (fleet.time < startTime + simulatedMs) {
    for (const { device, topic, payload } of fleet.step()) {
      const packet = { topic, payload: encoder.encode(payload), receivedAt: fleet.time + 40, client: device };
      const decoded = route(topic)?.decode(packet);
      if (!decoded || decoded.rejected !== null || decoded.readings.length !== 1) {
        throw new Error(`${topic} ${payload}: ${decoded?.rejected ?? "not one reading"}`);
      }
      byDevice.get(device)?.push(...decoded.readings);
    }
  }
  return byDevice;
}

describe("every simulated message", () => {
  const byDevice = decodeAll();

  it("is a reading of its device's domain", () => {
    for (const [device, readings] of byDevice) {
      expect(readings.length, device).toBeGreaterThan(90);
      const [domain] = device.split("-");
      expect(new Set(readings.map((reading) => reading.domain)), device).toEqual(new Set([domain]));
    }
  });

  it("goes to the topic that the device's commands are named after", () => {
    const { devices } = createFleet({ seed: 11, startTime, domains });
    for (const { id, topic } of devices) {
      const readings = byDevice.get(id) ?? [];
      expect(
        readings.map(topicOf).filter((of) => !`${of}/`.startsWith(`${topic}/`)),
        id,
      ).toEqual([]);
    }
  });

  it("has the time at which it was simulated", () => {
    for (const reading of [...byDevice.values()].flat()) {
      expect(reading.time).toBeGreaterThan(startTime - 1000);
      expect(reading.time).toBeLessThanOrEqual(startTime + simulatedMs);
    }
  });

  it("has the values that the domain is about", () => {
    const names = (device: string): Set<string> =>
      new Set(byDevice.get(device)?.flatMap(({ values }) => Object.keys(values)));
    expect([...names("gps-van-1")]).toEqual(
      expect.arrayContaining(["lat", "lon", "speedKmh", "courseDeg", "batteryPct"]),
    );
    expect([...names("gps-tracker-4")]).toEqual(
      expect.arrayContaining(["lat", "lon", "speedKmh", "batteryPct"]),
    );
    expect([...names("energy-flat-1")]).toEqual(
      expect.arrayContaining(["powerW", "voltageV", "energyImportWh"]),
    );
    expect([...names("energy-solar-3")]).toEqual(expect.arrayContaining(["powerW", "energyExportWh"]));
    expect([...names("road-99001")]).toEqual(expect.arrayContaining(["speedKmh", "flowVph", "speedRatio"]));
    expect([...names("transit-vehicle-1")]).toEqual(
      expect.arrayContaining(["event", "lat", "delayS", "routeId", "stopId"]),
    );
    expect([...names("fare-HEL-LHR-2")]).toEqual(
      expect.arrayContaining(["quoteId", "currency", "amountMinor", "expiresAt"]),
    );
  });
});
