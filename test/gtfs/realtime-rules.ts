import type { transit_realtime } from "gtfs-realtime-bindings";
import type { Timetable } from "../../src/model/timetable.ts";

type Feed = transit_realtime.FeedMessage;

/**
 * What a feed does against the rules of the GTFS-Realtime validator (MobilityData/gtfs-realtime-validator, RULES.md), by their
 * numbers: those that a feed without gaps in time can be checked against.
 */
export function problemsOf(feed: Feed, timetable: Timetable, nowS: number): string[] {
  const problems: string[] = [];
  const check = (isGood: boolean, problem: string) => void (isGood || problems.push(problem));
  const headerS = Number(feed.header.timestamp);
  check(feed.header.gtfsRealtimeVersion === "2.0", "E038 header version");
  check(feed.header.incrementality === 0, "E039 incrementality");
  check(isPosix(headerS), "E001 header timestamp");
  check(headerS <= nowS + 60, "E050 header in the future");
  const ids = feed.entity.map(({ id }) => id);
  check(new Set(ids).size === ids.length && !ids.includes(""), "E052 entity ids");
  for (const { id, vehicle, tripUpdate, alert } of feed.entity) {
    const say = (isGood: boolean, problem: string) => check(isGood, `${problem}: ${id}`);
    const timestamp = Number((vehicle ?? tripUpdate)?.timestamp ?? headerS);
    say(isPosix(timestamp) && timestamp <= headerS, "E001, E012 entity timestamp");
    for (const trip of [
      vehicle?.trip,
      tripUpdate?.trip,
      ...(alert?.informedEntity ?? []).map((one) => one.trip),
    ]) {
      if (trip) checkTrip(trip, timetable, say);
    }
    const vehicleId = (vehicle ?? tripUpdate)?.vehicle?.id;
    say(alert !== null && alert !== undefined ? true : Boolean(vehicleId), "W002 vehicle id");
    if (tripUpdate) checkUpdate(tripUpdate, timetable, say);
    if (vehicle) checkPosition(vehicle, say);
    if (alert) {
      say(alert.informedEntity?.length !== 0, "E032 informed entity");
      for (const one of alert.informedEntity ?? []) {
        const { agencyId, routeId, stopId, trip } = one;
        const hasType = Object.hasOwn(one, "routeType");
        say(Boolean(agencyId || routeId || stopId || trip || hasType), "E033 informed entity without an id");
        say(!trip?.routeId || !routeId || trip.routeId === routeId, "E030 route of the trip in an alert");
        say(!stopId || timetable.stops.some((stop) => stop.id === stopId), "E011 stop of an alert");
        say(!routeId || timetable.routes.some((route) => route.id === routeId), "E004 route of an alert");
      }
      for (const { start, end } of alert.activePeriod ?? []) {
        say(Boolean(Number(start) || Number(end)), "active period without a bound");
        for (const bound of [start, end]) say(!Number(bound) || isPosix(Number(bound)), "E001 active period");
        say(!Number(end) || Number(start ?? 0) <= Number(end), "active period that ends before it starts");
      }
      say(Boolean(alert.headerText?.translation?.[0]?.text), "header text");
    }
  }
  return problems;
}

type Say = (isGood: boolean, problem: string) => void;

function isPosix(seconds: number): boolean {
  return Number.isInteger(seconds) && seconds > 1_000_000_000 && seconds < 5_000_000_000;
}

function checkTrip(trip: transit_realtime.ITripDescriptor, { trips, routes }: Timetable, say: Say): void {
  const known = trips.find(({ id }) => id === trip.tripId);
  say(known !== undefined, "E003 trip id");
  say(routes[known?.route ?? -1]?.id === trip.routeId, "E035 route of the trip");
  // Decoders give 0 for a direction that is not told.
  const isTold = Object.hasOwn(trip, "directionId");
  say(!isTold || known?.direction === null || known?.direction === trip.directionId, "E024 direction");
  const isSet = (name: string) => Object.hasOwn(trip, name);
  say(!isSet("startTime") || /^\d\d:\d\d:\d\d$/.test(trip.startTime ?? ""), "E020 start time");
  say(!isSet("startDate") || /^\d{8}$/.test(trip.startDate ?? ""), "E021 start date");
}

function checkUpdate(
  update: transit_realtime.ITripUpdate,
  { trips, patterns, stops }: Timetable,
  say: Say,
): void {
  const trip = trips.find(({ id }) => id === update.trip.tripId);
  const pattern = patterns[trip?.pattern ?? -1];
  say((update.stopTimeUpdate?.length ?? 0) > 0, "E041 no stop time updates");
  let sequence = -1;
  let before = 0;
  for (const one of update.stopTimeUpdate ?? []) {
    const at = pattern?.sequences.indexOf(one.stopSequence ?? -1) ?? -1;
    say(Number(one.stopSequence) > sequence, "E002, E036 stop sequence");
    sequence = Number(one.stopSequence);
    say(stops[pattern?.stops[at] ?? -1]?.id === one.stopId, "E045 stop of the sequence");
    const times = [one.arrival, one.departure].filter((event) => event !== null && event !== undefined);
    say(one.scheduleRelationship !== 2 || times.length === 0, "E042 times with NO_DATA");
    say(one.scheduleRelationship !== 0 || times.length > 0, "E043 neither arrival nor departure");
    for (const [place, { time, delay }] of times.entries()) {
      say(isPosix(Number(time)), "E001 stop time");
      say(
        place === 0 ? Number(time) > before : Number(time) >= before,
        "E022, E025 stop times do not increase",
      );
      say(Math.abs(Number(delay)) < 7_200, "a delay of hours");
      before = Number(time);
    }
  }
}

function checkPosition(
  { position, stopId, currentStopSequence }: transit_realtime.IVehiclePosition,
  say: Say,
): void {
  const { latitude = 99, longitude = 999, bearing, speed } = position ?? {};
  say(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180, "E026 position");
  say(!bearing || (bearing >= 0 && bearing <= 360), "E027 bearing");
  say(!speed || (speed >= 0 && speed < 26), "W004 speed");
  say(!stopId || Number(currentStopSequence) > 0, "E040 stop without a sequence");
}
