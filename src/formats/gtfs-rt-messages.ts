import { type ProtoMessage, protoField, repeatedField } from "./protobuf.ts";

/*
 * The messages of gtfs-realtime.proto (google/transit, gtfs-realtime/proto, version 2.0 with the experimental fields that
 * matter here), by field number: what is read, and what src/gtfs writes. Fields that are not listed are skipped.
 */

const tripDescriptor: ProtoMessage = new Map([
  [1, protoField("trip_id", "string")],
  [2, protoField("start_time", "string")],
  [3, protoField("start_date", "string")],
  [4, protoField("schedule_relationship", "int32")],
  [5, protoField("route_id", "string")],
  [6, protoField("direction_id", "uint32")],
]);

const vehicleDescriptor: ProtoMessage = new Map([[1, protoField("id", "string")]]);

const stopTimeEvent: ProtoMessage = new Map([
  [1, protoField("delay", "int32")],
  [2, protoField("time", "int64")],
  [4, protoField("scheduled_time", "int64")],
]);

const stopTimeUpdate: ProtoMessage = new Map([
  [1, protoField("stop_sequence", "uint32")],
  [2, protoField("arrival", stopTimeEvent)],
  [3, protoField("departure", stopTimeEvent)],
  [4, protoField("stop_id", "string")],
  [5, protoField("schedule_relationship", "int32")],
]);

const tripUpdate: ProtoMessage = new Map([
  [1, protoField("trip", tripDescriptor)],
  [2, repeatedField("stop_time_update", stopTimeUpdate)],
  [3, protoField("vehicle", vehicleDescriptor)],
  [4, protoField("timestamp", "uint64")],
  [5, protoField("delay", "int32")],
]);

const position: ProtoMessage = new Map([
  [1, protoField("latitude", "float")],
  [2, protoField("longitude", "float")],
  [3, protoField("bearing", "float")],
  [5, protoField("speed", "float")],
]);

const vehiclePosition: ProtoMessage = new Map([
  [1, protoField("trip", tripDescriptor)],
  [2, protoField("position", position)],
  [3, protoField("current_stop_sequence", "uint32")],
  [4, protoField("current_status", "int32")],
  [5, protoField("timestamp", "uint64")],
  [7, protoField("stop_id", "string")],
  [8, protoField("vehicle", vehicleDescriptor)],
]);

const timeRange: ProtoMessage = new Map([
  [1, protoField("start", "uint64")],
  [2, protoField("end", "uint64")],
]);

const entitySelector: ProtoMessage = new Map([
  [1, protoField("agency_id", "string")],
  [2, protoField("route_id", "string")],
  [3, protoField("route_type", "int32")],
  [4, protoField("trip", tripDescriptor)],
  [5, protoField("stop_id", "string")],
  [6, protoField("direction_id", "uint32")],
]);

const translation: ProtoMessage = new Map([
  [1, protoField("text", "string")],
  [2, protoField("language", "string")],
]);

const translatedString: ProtoMessage = new Map([[1, repeatedField("translation", translation)]]);

const alert: ProtoMessage = new Map([
  [1, repeatedField("active_period", timeRange)],
  [5, repeatedField("informed_entity", entitySelector)],
  [6, protoField("cause", "int32")],
  [7, protoField("effect", "int32")],
  [10, protoField("header_text", translatedString)],
  [11, protoField("description_text", translatedString)],
]);

const feedHeader: ProtoMessage = new Map([
  [1, protoField("gtfs_realtime_version", "string")],
  [2, protoField("incrementality", "int32")],
  [3, protoField("timestamp", "uint64")],
]);

const feedEntity: ProtoMessage = new Map([
  [1, protoField("id", "string")],
  [2, protoField("is_deleted", "bool")],
  [3, protoField("trip_update", tripUpdate)],
  [4, protoField("vehicle", vehiclePosition)],
  [5, protoField("alert", alert)],
]);

/** The root of every payload. */
export const feedMessage: ProtoMessage = new Map([
  [1, protoField("header", feedHeader)],
  [2, repeatedField("entity", feedEntity)],
]);

/** VehiclePosition.VehicleStopStatus: standing at the stop; the others are on the way to it. */
export const stoppedAt = 1;

/** StopTimeUpdate.ScheduleRelationship: these say that there is no prediction. */
export const unpredictedStops: ReadonlySet<unknown> = new Set([1, 2]); // SKIPPED, NO_DATA

/** TripDescriptor.ScheduleRelationship: the trip does not run. */
export const deadTrips: ReadonlySet<unknown> = new Set([3, 7]); // CANCELED, DELETED

/** Alert.Effect, by number. */
export const alertEffects: ReadonlyMap<unknown, string> = new Map([
  [1, "NO_SERVICE"],
  [2, "REDUCED_SERVICE"],
  [3, "SIGNIFICANT_DELAYS"],
  [4, "DETOUR"],
  [5, "ADDITIONAL_SERVICE"],
  [6, "MODIFIED_SERVICE"],
  [7, "OTHER_EFFECT"],
  [8, "UNKNOWN_EFFECT"],
  [9, "STOP_MOVED"],
  [10, "NO_EFFECT"],
  [11, "ACCESSIBILITY_ISSUE"],
]);
