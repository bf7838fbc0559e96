import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type City, createCity, legStart, pointOn } from "./city.ts";
import { type Coordinates, type Point, toCoordinates } from "./geo.ts";
import { createRoutes, legIndexAt, type Route, type Stop } from "./lines.ts";
import { zip } from "./zip.ts";

/** Writes the timetable of the simulated city as a GTFS archive; returns its path. */
export function writeTimetable(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "gtfs.zip");
  writeFileSync(path, zip(describeTimetable()));
  return path;
}

/**
 * The tables of the simulated city (https://gtfs.org/documentation/schedule/reference/). Its vehicles leave when they can, at any
 * full minute of an operating day, which begins at 04:30: so each direction of a line is one trip that runs every minute.
 */
export function describeTimetable(): Map<string, string> {
  const city = createCity();
  const routes = createRoutes(city);
  const stops = new Map(
    routes.flatMap((route) => route.stops.map((stop) => [stop.id, placeOf(city, route, stop.atM)] as const)),
  );
  return new Map(
    Object.entries({
      agency: [
        "agency_id,agency_name,agency_url,agency_timezone",
        "fieldcast,Fieldcast Demo,https://example.org,Europe/Helsinki",
      ],
      stops: [
        "stop_id,stop_name,stop_lat,stop_lon",
        ...[...stops].map(([id, { lat, lon }]) => `${id},Stop ${id % 1000},${lat},${lon}`),
      ],
      routes: [
        "route_id,agency_id,route_short_name,route_long_name,route_type",
        ...routes
          .filter(({ direction }) => direction === 1)
          .map(({ id, designation, headsign, mode }) =>
            [id, "fieldcast", designation, headsign, mode === "tram" ? 0 : 3].join(),
          ),
      ],
      calendar: [
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date",
        "daily,1,1,1,1,1,1,1,20000101,20991231",
      ],
      trips: [
        "route_id,service_id,trip_id,trip_headsign,direction_id,shape_id",
        ...routes.map((route) =>
          [route.id, "daily", tripOf(route), route.headsign, route.direction - 1, tripOf(route)].join(),
        ),
      ],
      frequencies: [
        "trip_id,start_time,end_time,headway_secs,exact_times",
        ...routes.map((route) => `${tripOf(route)},04:30:00,28:30:00,60,1`),
      ],
      stop_times: ["trip_id,arrival_time,departure_time,stop_id,stop_sequence", ...routes.flatMap(callsOf)],
      shapes: [
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence",
        ...routes.flatMap((route) =>
          shapeOf(city, route).map(({ lat, lon }, at) => [tripOf(route), lat, lon, at + 1].join()),
        ),
      ],
    }).map(([name, lines]) => [`${name}.txt`, `${lines.join("\n")}\n`]),
  );
}

function tripOf({ id, direction }: Route): string {
  return `${id}-${direction}`;
}

function callsOf(route: Route): string[] {
  return route.stops.map(({ id, arriveS, departS }, at) =>
    [tripOf(route), timeOf(arriveS), timeOf(departS), id, at + 1].join(),
  );
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

/** From the first stop to the last. */
function shapeOf(city: City, route: Route): Coordinates[] {
  const [first, last] = [route.stops[0] as Stop, route.stops.at(-1) as Stop];
  const corners = route.legs.slice(1).map((leg) => toCoordinates(city.nodes[legStart(leg)] as Point));
  return [placeOf(city, route, first.atM), ...corners, placeOf(city, route, last.atM)];
}

function placeOf(city: City, route: Route, atM: number): Coordinates {
  const at = legIndexAt(route, atM);
  const leg = route.legs[at];
  if (!leg) throw new Error(`route ${route.id} has no legs`);
  return toCoordinates(pointOn(city, leg, atM - (route.legStartM[at] as number)));
}
