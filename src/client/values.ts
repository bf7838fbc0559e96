import type { Values } from "../model/reading.ts";

// The contract's names and units. They stand here for their types only: nothing of this file is left when it is compiled.

export interface GpsFields {
  readonly lat: number;
  readonly lon: number;
  readonly altM?: number;
  readonly speedKmh?: number;
  /** Clockwise from north, from 0 to below 360. */
  readonly courseDeg?: number;
  readonly accuracyM?: number;
  readonly batteryPct?: number;
  readonly satellites?: number;
  readonly hdop?: number;
  readonly odometerM?: number;
}

export interface EnergyFields {
  /** Positive is consumption or import, negative is export. */
  readonly powerW?: number;
  readonly apparentPowerVa?: number;
  readonly reactivePowerVar?: number;
  readonly powerFactor?: number;
  readonly voltageV?: number;
  readonly currentA?: number;
  readonly frequencyHz?: number;
  /** Counters as read; they can start anew. */
  readonly energyImportWh?: number;
  readonly energyExportWh?: number;
  readonly energyImportT1Wh?: number;
  readonly energyImportT2Wh?: number;
  readonly energyExportT1Wh?: number;
  readonly energyExportT2Wh?: number;
  /** A price by time, in minor units of the currency; the sender says from when to when (`startsAt`, `endsAt`). */
  readonly priceMinorPerMwh?: number;
}

/** By speed over free-flow speed, as DATEX II draws the lines. */
export type CongestionLevel = "stationary" | "queuing" | "slow" | "heavy" | "free" | "unknown";

export interface RoadFields {
  readonly speedKmh?: number;
  /** Vehicles an hour. */
  readonly flowVph?: number;
  readonly occupancyPct?: number;
  readonly intervalS?: number;
  /** Speed over free-flow speed. */
  readonly speedRatio?: number;
  readonly congestionLevel?: CongestionLevel;
}

export type TransitEvent =
  | "position"
  | "approach"
  | "arriveRadius"
  | "arrive"
  | "ready"
  | "depart"
  | "pass"
  | "wait"
  | "doorsOpen"
  | "doorsClosed"
  | "journeyStart"
  | "journeyEnd"
  | "prediction"
  | "alert";

export interface TransitFields {
  readonly event: TransitEvent;
  readonly lat?: number;
  readonly lon?: number;
  readonly speedKmh?: number;
  readonly courseDeg?: number;
  /** Positive is late. */
  readonly delayS?: number;
  readonly routeId?: string;
  /** As in GTFS, 0 or 1. */
  readonly directionId?: number;
  readonly tripId?: string;
  readonly stopId?: string;
  readonly nextStopId?: string;
  readonly startTime?: string;
  readonly operatingDay?: string;
  /** ISO 8601, as every time among the values. */
  readonly scheduledArrival?: string;
  readonly scheduledDeparture?: string;
  readonly expectedArrival?: string;
  readonly expectedDeparture?: string;
  readonly arrivalDelayS?: number;
  readonly departureDelayS?: number;
}

/** A flight of a quote. Times are local to the airport, as the feed wrote them. */
export interface FareSegment {
  readonly carrier?: string;
  readonly number?: string;
  readonly operating?: string;
  readonly from?: string;
  readonly to?: string;
  readonly departLocal?: string;
  readonly departTz?: string;
  readonly arriveLocal?: string;
  readonly arriveTz?: string;
  readonly cabin?: string;
  readonly fareBasis?: string;
}

export interface FareFields {
  readonly quoteId: string;
  readonly origin: string;
  readonly destination: string;
  /** ISO 4217. */
  readonly currency: string;
  /** Whole minor units: cents, where `exponent` is 2. */
  readonly amountMinor: number;
  readonly exponent?: number;
  readonly baseMinor?: number;
  readonly taxMinor?: number;
  readonly cabin?: string;
  readonly expiresAt?: string;
  readonly expired?: boolean;
  readonly segments?: readonly FareSegment[];
}

export interface PresenceFields {
  readonly state: "online" | "stale" | "offline";
  /** ISO 8601: when something came from the device last. */
  readonly lastSeen: string;
  /** Of its MQTT connection; null if that is not known. */
  readonly connected: boolean | null;
  /** Usual seconds between its signs of life. */
  readonly rhythmS?: number;
}

/** Of a stretch of road, by the insight `roads`; null and `unknown` where nothing is known. */
export interface CongestionFields {
  readonly level: CongestionLevel;
  readonly speedKmh: number | null;
  /** Speed over free-flow speed. */
  readonly speedRatio: number | null;
  /** Seconds over the whole stretch, and how many more than at free flow. */
  readonly travelTimeS: number | null;
  readonly delayS: number | null;
  /** Of how many sensors and vehicles it was made. */
  readonly sensors: number;
  readonly vehicles: number;
}

/** What the values of a topic's first level are, for the levels whose names are fixed. */
export interface FieldsByLevel {
  readonly gps: GpsFields;
  readonly energy: EnergyFields;
  readonly road: RoadFields;
  readonly transit: TransitFields;
  readonly fare: FareFields;
  readonly presence: PresenceFields;
  readonly congestion: CongestionFields;
}

/** Names of a sender's own are kept beside the contract's, so any other name may be there too. */
export type GpsValues = Values & GpsFields;
export type EnergyValues = Values & EnergyFields;
export type RoadValues = Values & RoadFields;
export type TransitValues = Values & TransitFields;
export type FareValues = Values & FareFields;
export type PresenceValues = Values & PresenceFields;

type LevelOf<Filter extends string> = Filter extends `${infer Level}/${string}` ? Level : Filter;
type FieldsOf<Level> = Level extends keyof FieldsByLevel ? FieldsByLevel[Level] : unknown;

/**
 * The values of what matches a filter, by its first level: `gps/#` has GpsValues. A filter that says no domain (`#`,
 * `+/van-7`, a variable of type string) has Values.
 */
export type ValuesOf<Filter extends string> = Values & FieldsOf<LevelOf<Filter>>;

/** The same where only some `fields` were asked for: any of them may be absent. */
export type SomeValuesOf<Filter extends string> = Values & Partial<FieldsOf<LevelOf<Filter>>>;
