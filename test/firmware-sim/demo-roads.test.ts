import { join } from "node:path";
import { expect, it } from "vitest";
import { createCity } from "../../firmware-sim/city.ts";
import { toCoordinates } from "../../firmware-sim/geo.ts";
import { roadStation } from "../../firmware-sim/road.ts";
import { busiestEdges } from "../../firmware-sim/traffic.ts";
import { loadConfig } from "../../src/app/load-config.ts";
import { bearingDeg, bendDeg, nearestOnLine, type Position } from "../../src/insights/geo.ts";
import { type RoadSettings, roadSettings } from "../../src/insights/road-settings.ts";

function demoRoads(): RoadSettings {
  const file = join(import.meta.dirname, "../../config/demo.yaml");
  const { enabled: _, ...roads } = loadConfig({ flags: {}, env: {}, file }).insights["roads"] as {
    enabled: boolean;
  };
  return roadSettings.parse(roads);
}

it("has each of its stations on the street that it measures, in the direction of the channel", () => {
  const city = createCity();
  const stations = busiestEdges(city).map((edge, index) => ({ id: roadStation(index), edge }));
  for (const { name, line = [], sensors } of demoRoads().segments) {
    const corners = line.map(([lat, lon]): Position => ({ lat, lon }));
    for (const { device, channel } of sensors) {
      const edge = stations.find(({ id }) => id === device)?.edge;
      const ends = [edge?.from, edge?.to].map((node) => toCoordinates(city.nodes[node as number] as never));
      const [from, to] = (channel === "1" ? ends : ends.reverse()) as [Position, Position];
      const middle = { lat: (from.lat + to.lat) / 2, lon: (from.lon + to.lon) / 2 };
      const isOn = corners.slice(1).some((corner, index) => {
        const start = corners[index] as Position;
        const isNear = nearestOnLine(middle, start, corner).distanceM < 5;
        return isNear && bendDeg(bearingDeg(start, corner), bearingDeg(from, to)) < 5;
      });
      expect({ name, device, channel, isOn }).toEqual({ name, device, channel, isOn: true });
    }
  }
});
