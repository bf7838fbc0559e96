import { describe, expect, it } from "vitest";
import { maxHistory, maxParts } from "../../src/dashboard/thing.ts";
import { Things } from "../../src/dashboard/things.ts";
import { placeOf } from "../../src/dashboard/topics.ts";
import type { Values } from "../../src/model/reading.ts";

const start = Date.UTC(2026, 10, 22, 10);

function apply(things: Things, topic: string, seconds: number, values: Values): void {
  things.apply({ topic, time: start + seconds * 1000, values });
}

describe("placeOf", () => {
  it.each([
    ["gps/anna/phone", "gps/anna/phone", "anna/phone", ""],
    ["gps/van%2B1", "gps/van%2B1", "van+1", ""],
    ["energy/house", "energy/house", "house", ""],
    ["energy/house/L1", "energy/house", "house", "L1"],
    ["energy/plug/2", "energy/plug", "plug", "2"],
    ["energy/portal/grid/30", "energy/portal/grid/30", "portal/grid/30", ""],
    ["energy/portal/grid/30/L2", "energy/portal/grid/30", "portal/grid/30", "L2"],
    ["road/23001/1", "road/23001/1", "23001 · 1", ""],
    ["transit/0055/01216/1130106", "transit/0055/01216", "0055/01216", "1130106"],
  ])("finds the row of %s", (topic, key, name, part) => {
    expect(placeOf(topic)).toMatchObject({ key, name, part });
  });

  it("knows no place for insights and for a domain alone", () => {
    expect(placeOf("congestion/a")).toBeNull();
    expect(placeOf("gps")).toBeNull();
    expect(placeOf("gps/")).toBeNull();
  });

  it("leaves an id that is not percent-encoding as it is", () => {
    expect(placeOf("gps/50%")?.name).toBe("50%");
  });
});

describe("Things", () => {
  it("merges values field by field, and a late reading does not overwrite a newer value", () => {
    const things = new Things();
    apply(things, "gps/van", 10, { lat: 60, lon: 25, speedKmh: 40 });
    apply(things, "gps/van", 20, { batteryPct: 80 });
    apply(things, "gps/van", 5, { speedKmh: 99, satellites: 7 });
    const van = things.get("gps/van");
    expect(van?.number("speedKmh")).toBe(40);
    expect(van?.number("satellites")).toBe(7);
    expect(van?.time).toBe(start + 20_000);
    expect(things.updates("gps")).toBe(3);
  });

  it("takes the age of each value from a snapshot", () => {
    const things = new Things();
    const times = { speedKmh: start };
    things.apply({ topic: "gps/van", time: start + 9000, values: { speedKmh: 1, lat: 1, lon: 1 }, times });
    apply(things, "gps/van", 3, { speedKmh: 2, lat: 5 });
    expect(things.get("gps/van")?.number("speedKmh")).toBe(2);
    expect(things.get("gps/van")?.number("lat")).toBe(1);
  });

  it("shows a meter's total, or the sum of its phases where it has none", () => {
    const things = new Things();
    apply(things, "energy/house/L1", 0, { powerW: 100 });
    apply(things, "energy/house/L2", 0, { powerW: 250 });
    expect(things.get("energy/house")?.number("powerW")).toBe(350);
    apply(things, "energy/house/total", 1, { powerW: 400 });
    expect(things.get("energy/house")?.number("powerW")).toBe(400);
    expect(things.devices("energy")).toBe(1);
  });

  it("counts the directions of a road station as one device in two rows", () => {
    const things = new Things();
    apply(things, "road/23001/1", 0, { speedKmh: 80 });
    apply(things, "road/23001/2", 0, { speedKmh: 60 });
    expect(things.devices("road")).toBe(1);
    expect(things.of("road").size).toBe(2);
  });

  it("keeps the newest quote of a route and what it changed by", () => {
    const things = new Things();
    const quote = { origin: "LHR", destination: "JFK", currency: "GBP", exponent: 2 };
    apply(things, "fare/acme/q1", 0, { ...quote, quoteId: "q1", amountMinor: 7100, cabin: "economy" });
    apply(things, "fare/acme/q2", 9, { ...quote, quoteId: "q2", amountMinor: 6850 });
    apply(things, "fare/acme/q0", 4, { ...quote, quoteId: "q0", amountMinor: 1, cabin: "first" });
    const route = things.get("fare/acme/LHR-JFK");
    expect(route?.quote).toMatchObject({ quoteId: "q2", amountMinor: 6850, previousMinor: 7100 });
    expect(route?.topic).toBe("fare/acme/q2");
    expect(route?.value("cabin")).toBeNull();
    expect(things.of("fare").size).toBe(1);
  });

  it("forgets the thing that changed longest ago when it is full", () => {
    const things = new Things(2);
    apply(things, "gps/a", 0, { lat: 0, lon: 0 });
    apply(things, "gps/b", 1, { lat: 0, lon: 0 });
    apply(things, "gps/a", 2, { lat: 0, lon: 0 });
    apply(things, "gps/c", 3, { lat: 0, lon: 0 });
    expect([...things.of("gps").keys()].sort()).toEqual(["gps/a", "gps/c"]);
    expect(things.devices("gps")).toBe(2);
  });

  it("bounds the course and the parts of a thing", () => {
    const things = new Things();
    for (let i = 0; i < 200; i++) {
      apply(things, "gps/van", i, { lat: 60 + i / 1000, lon: 25, speedKmh: i });
      apply(things, `transit/op/bus/stop-${i}`, i, { event: "prediction", delayS: i });
    }
    expect(things.get("gps/van")?.history.length).toBe(maxHistory);
    expect(things.get("gps/van")?.history.last).toBe(199);
    expect(things.get("transit/op/bus")?.parts.size).toBe(maxParts);
  });

  it("adds a step to the course only for readings of its value", () => {
    const things = new Things();
    apply(things, "road/23001/1", 0, { speedKmh: 80 });
    apply(things, "road/23001/1", 0, { flowVph: 900 });
    apply(things, "road/23001/1", 5, { speedKmh: 78 });
    expect(things.get("road/23001/1")?.history.length).toBe(2);
  });

  it("learns a device's rhythm from its observation times", () => {
    const things = new Things();
    for (let i = 0; i < 20; i++) apply(things, "gps/van", i * 10, { lat: 0, lon: 0 });
    expect(things.get("gps/van")?.rhythmMs).toBeCloseTo(10_000);
  });
});
