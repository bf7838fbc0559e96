import fc from "fast-check";
import { expect, it } from "vitest";
import { eta } from "../../src/insights/eta.ts";
import type { Position } from "../../src/insights/geo.ts";
import { distanceM, nearestOnLine } from "../../src/insights/geo.ts";
import { geofence } from "../../src/insights/geofence.ts";
import { lineShape, ringShape, thinLine } from "../../src/insights/map-shapes.ts";
import { roads } from "../../src/insights/roads.ts";
import { transitPlaces } from "../../src/insights/transit-places.ts";
import type { Timetable } from "../../src/model/timetable.ts";

const context = { timezone: null, files: new Map<string, Uint8Array>() };

it("roads, fences and places stand on the map as they are set up", () => {
  const segments = [
    {
      name: "ring+1",
      line: [
        [60, 25],
        [60.1, 25],
        [60.1, 25],
      ],
      freeFlowKmh: 80,
    },
    { name: "unknown", lengthM: 500, freeFlowKmh: 50 },
  ];
  expect(roads.places?.(roads.settings.parse({ segments }), context)).toEqual([
    {
      kind: "segment",
      name: "ring+1",
      filter: "congestion/ring%2B1",
      geometry: {
        type: "LineString",
        coordinates: [
          [25, 60],
          [25, 60.1],
        ],
      },
      oneWay: true,
    },
  ]);
  const fences = [
    { name: "yard", circle: { lat: 60, lon: 25, radiusM: 50 } },
    {
      name: "park",
      area: [
        [60, 25],
        [61, 25],
        [61, 26],
      ],
    },
  ];
  expect(geofence.places?.(geofence.settings.parse({ fences }), context)).toEqual([
    {
      kind: "fence",
      name: "yard",
      filter: "geofence/yard/#",
      geometry: { type: "Point", coordinates: [25, 60] },
      radiusM: 50,
    },
    {
      kind: "fence",
      name: "park",
      filter: "geofence/park/#",
      geometry: {
        type: "Polygon",
        coordinates: [
          [
            [25, 60],
            [26, 61],
            [25, 61],
            [25, 60],
          ],
        ],
      },
    },
  ]);
  const places = [{ name: "station", lat: 60, lon: 25 }];
  expect(eta.places?.(eta.settings.parse({ places }), context)).toEqual([
    { kind: "place", name: "station", geometry: { type: "Point", coordinates: [25, 60] }, radiusM: 100 },
  ]);
});

it("lines are shown by the way of most of their trips, and stops if a trip calls there", () => {
  const stop = (id: string, lat: number) => ({ id, name: `Stop ${id}`, lat, lon: 25 });
  const trip = { id: "t", route: 0, service: 0, pattern: 0, shape: null, direction: 0 as const };
  const more = { headsign: "", startS: 0, frequencies: null };
  const pattern = { stops: [0, 1], sequences: [1, 2], arriveS: [0, 60], departS: [0, 60] };
  const timetable: Timetable = {
    timezone: "UTC",
    stops: [stop("A", 60), stop("B", 61), stop("never", 62)],
    routes: [{ id: "r7", name: "7" }],
    services: [],
    patterns: [pattern],
    shapes: [{ lats: Float64Array.of(60, 60.5, 61), lons: Float64Array.of(25, 25.2, 25) }],
    trips: [
      { ...trip, ...more },
      { ...trip, ...more, shape: 0 },
      { ...trip, ...more, shape: 0 },
      { ...trip, ...more, direction: 1 },
    ],
  };
  const line = { kind: "line", name: "7", filter: "arrivals/+/r7/#" };
  expect(transitPlaces(timetable)).toEqual([
    {
      ...line,
      geometry: {
        type: "LineString",
        coordinates: [
          [25, 60],
          [25.2, 60.5],
          [25, 61],
        ],
      },
    },
    {
      ...line,
      geometry: {
        type: "LineString",
        coordinates: [
          [25, 60],
          [25, 61],
        ],
      },
    },
    {
      kind: "stop",
      name: "Stop A",
      filter: "arrivals/A/#",
      geometry: { type: "Point", coordinates: [25, 60] },
    },
    {
      kind: "stop",
      name: "Stop B",
      filter: "arrivals/B/#",
      geometry: { type: "Point", coordinates: [25, 61] },
    },
  ]);
  // The id's slash would be a level of its own, so no one filter finds all calls of the line.
  const slashed = { ...timetable, stops: timetable.stops.map((stop) => ({ ...stop, id: `${stop.id}/1` })) };
  expect(transitPlaces(slashed).map(({ kind, filter }) => [kind, filter])).toEqual([
    ["line", undefined],
    ["line", undefined],
    ["stop", "arrivals/A/1/#"],
    ["stop", "arrivals/B/1/#"],
  ]);
});

it("shapes go on over the 180th meridian, and areas go against the clock", () => {
  const around = [
    { lat: 0, lon: 179 },
    { lat: 1, lon: 179 },
    { lat: 1, lon: -179 },
    { lat: 0, lon: -179 },
  ];
  expect(lineShape(around)).toEqual([
    [179, 0],
    [179, 1],
    [181, 1],
    [181, 0],
  ]);
  expect(ringShape(around)).toEqual([
    [179, 0],
    [181, 0],
    [181, 1],
    [179, 1],
    [179, 0],
  ]);
});

it("a thinner line keeps its ends, and nothing that is left out is farther from it than allowed", () => {
  const corner = fc.record({ lat: fc.integer({ min: 0, max: 99 }), lon: fc.integer({ min: 0, max: 99 }) });
  fc.assert(
    fc.property(fc.array(corner, { minLength: 2, maxLength: 40 }), (corners) => {
      const line: Position[] = corners.map(({ lat, lon }) => ({ lat: 60 + lat / 1e4, lon: 25 + lon / 1e4 }));
      const thin = thinLine(line, 50);
      expect([thin[0], thin.at(-1)]).toEqual([line[0], line.at(-1)]);
      for (const place of line) {
        const distances = thin
          .slice(1)
          .map((to, at) => nearestOnLine(place, thin[at] as Position, to).distanceM);
        const away = Math.min(...distances, distanceM(place, thin[0] as Position));
        expect(away).toBeLessThan(50.5);
      }
    }),
  );
});
