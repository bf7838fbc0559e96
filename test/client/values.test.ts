import { describe, expect, expectTypeOf, test } from "vitest";
import type {
  EnergyFields,
  FareFields,
  Fieldcast,
  GpsFields,
  GpsValues,
  RoadFields,
  TransitFields,
} from "../../src/client/client.ts";
import { knownValues } from "../../src/formats/known-values.ts";
import type { Domain, Value, Values } from "../../src/model/reading.ts";

/** Every name of an interface; the compiler refuses one too many and one too few. */
type Names<Fields> = Readonly<Record<keyof Fields, true>>;

const gps: Names<GpsFields> = {
  lat: true,
  lon: true,
  altM: true,
  speedKmh: true,
  courseDeg: true,
  accuracyM: true,
  batteryPct: true,
  satellites: true,
  hdop: true,
  odometerM: true,
};
const energy: Names<EnergyFields> = {
  powerW: true,
  apparentPowerVa: true,
  reactivePowerVar: true,
  powerFactor: true,
  voltageV: true,
  currentA: true,
  frequencyHz: true,
  energyImportWh: true,
  energyExportWh: true,
  energyImportT1Wh: true,
  energyImportT2Wh: true,
  energyExportT1Wh: true,
  energyExportT2Wh: true,
  priceMinorPerMwh: true,
};
const road: Names<RoadFields> = {
  speedKmh: true,
  flowVph: true,
  occupancyPct: true,
  intervalS: true,
  speedRatio: true,
  congestionLevel: true,
};
const transit: Names<TransitFields> = {
  event: true,
  lat: true,
  lon: true,
  speedKmh: true,
  courseDeg: true,
  delayS: true,
  routeId: true,
  directionId: true,
  tripId: true,
  stopId: true,
  nextStopId: true,
  startTime: true,
  operatingDay: true,
  scheduledArrival: true,
  scheduledDeparture: true,
  expectedArrival: true,
  expectedDeparture: true,
  arrivalDelayS: true,
  departureDelayS: true,
};
const fare: Names<FareFields> = {
  quoteId: true,
  origin: true,
  destination: true,
  currency: true,
  amountMinor: true,
  exponent: true,
  baseMinor: true,
  taxMinor: true,
  cabin: true,
  expiresAt: true,
  expired: true,
  segments: true,
};
const typed = { gps, energy, road, transit, fare } satisfies Record<Domain, object>;

describe("the types of values", () => {
  test.each(Object.entries(typed))("of %s have the contract's names", (domain, names) => {
    expect(Object.keys(names).sort()).toEqual([...knownValues[domain as Domain].keys()].sort());
  });

  test("follow the filter's first level", () => {
    // Never called: the compiler is the test.
    const check = (fieldcast: Fieldcast, device: string, filter: string, domain: Domain) => {
      fieldcast.subscribe("gps/#", ({ values }) => {
        expectTypeOf(values.lat).toEqualTypeOf<number>();
        expectTypeOf(values.speedKmh).toEqualTypeOf<number | undefined>();
        expectTypeOf(values["ignition"]).toEqualTypeOf<Value | undefined>();
      });
      fieldcast.subscribe("gps/#", { from: "now", onReading: (reading) => reading.values.lon.toFixed() });
      fieldcast.subscribe("gps/#", { fields: ["lat"] }, ({ values }) => {
        expectTypeOf(values.lat).toEqualTypeOf<number | undefined>();
      });
      expectTypeOf(fieldcast.subscribe(`energy/${device}`)).toExtend<
        AsyncIterable<{ readonly values: EnergyFields }>
      >();
      fieldcast.subscribe("transit/+/7", {}, ({ values }) => values.event === "depart");
      fieldcast.subscribe("fare", ({ values }) => values.amountMinor * 2);
      for (const general of ["#", "+/van-7", "weather/#", filter] as const) {
        fieldcast.subscribe(general, ({ values }) => expectTypeOf(values).toEqualTypeOf<Values>());
      }
      // Of several levels: what is true of each of them.
      fieldcast.subscribe(`${domain}/#`, (reading) => {
        expectTypeOf(reading.values).toExtend<Values>();
        if ("lat" in reading.values) expectTypeOf(reading.topic).toEqualTypeOf<string>();
      });
      expectTypeOf(fieldcast.latest("gps/#").get("gps/van-7")?.values).toEqualTypeOf<GpsValues | undefined>();
      expectTypeOf(
        fieldcast
          .latest("road/#", { fields: ["flowVph"] })
          .getSnapshot()
          .get("a"),
      ).toExtend<{ readonly values: Partial<RoadFields> } | undefined>();
      expectTypeOf(fieldcast.latest(filter).get("a")?.values).toEqualTypeOf<Values | undefined>();
    };
    expectTypeOf(check).toBeFunction();
  });
});
