import type { MapPlace } from "../model/map-place.ts";
import type { Timetable, TimetablePattern, TimetableTrip } from "../model/timetable.ts";
import { topicOf } from "../model/topic.ts";
import type { Position } from "./geo.ts";
import { lineShape, pointShape, thinLine } from "./map-shapes.ts";

/** The way of a line on the map is that far off at most, metres. */
const toleranceM = 4;

/** The lines, each by the way that most of its trips take in each direction, and the stops that a trip calls at. */
export function transitPlaces(timetable: Timetable): MapPlace[] {
  const spread = spreadRoutes(timetable);
  const lines = usualTrips(timetable).flatMap((trip): MapPlace[] => {
    const route = timetable.routes[trip.route];
    const coordinates = lineShape(thinLine(wayOf(timetable, trip), toleranceM));
    if (route === undefined || coordinates.length < 2) return [];
    const geometry = { type: "LineString", coordinates } as const;
    const filter = `arrivals/+/${topicOf({ domain: "arrivals", device: route.id }).slice("arrivals/".length)}/#`;
    return [{ kind: "line", name: route.name, ...(!spread.has(trip.route) && { filter }), geometry }];
  });
  const called = new Set(timetable.patterns.flatMap(({ stops }) => stops));
  const stops = timetable.stops.flatMap(({ id, name, ...position }, index): MapPlace[] => {
    if (!called.has(index)) return [];
    const geometry = { type: "Point", coordinates: pointShape(position) } as const;
    return [{ kind: "stop", name, filter: `${topicOf({ domain: "arrivals", device: id })}/#`, geometry }];
  });
  return [...lines, ...stops];
}

/** Places of routes with a stop whose id has slashes: those are levels of its topic, and no one filter finds all of the line's calls. */
function spreadRoutes({ trips, patterns, stops }: Timetable): Set<number> {
  const isSpread = patterns.map(({ stops: calls }) => calls.some((stop) => stops[stop]?.id.includes("/")));
  return new Set(trips.flatMap(({ route, pattern }) => (isSpread[pattern] ? [route] : [])));
}

/** Of each line and direction a trip of the way that most of its trips take, in the order of the lines. */
function usualTrips({ trips }: Timetable): TimetableTrip[] {
  const ways = new Map<string, Map<string, { trip: TimetableTrip; count: number }>>();
  for (const trip of trips) {
    const line = `${trip.route} ${trip.direction}`;
    const ofLine = ways.get(line) ?? new Map<string, { trip: TimetableTrip; count: number }>();
    ways.set(line, ofLine);
    const way = trip.shape === null ? `pattern ${trip.pattern}` : `shape ${trip.shape}`;
    const known = ofLine.get(way);
    if (known === undefined) ofLine.set(way, { trip, count: 1 });
    else known.count++;
  }
  const usual = [...ways.values()].map((ofLine) =>
    [...ofLine.values()].reduce((most, one) => (one.count > most.count ? one : most)),
  );
  return usual.map(({ trip }) => trip).sort((one, other) => one.route - other.route);
}

/** The line that it follows; without one, from stop to stop. */
function wayOf({ shapes, patterns, stops }: Timetable, { shape, pattern }: TimetableTrip): Position[] {
  const line = shape === null ? undefined : shapes[shape];
  if (line !== undefined) return Array.from(line.lats, (lat, at) => ({ lat, lon: line.lons[at] as number }));
  const { stops: calls } = patterns[pattern] as TimetablePattern;
  return calls.flatMap((stop) => stops[stop] ?? []);
}
