import { expect, it } from "vitest";
import { routeFaresOf, shareOf, watchesOf } from "../../../src/dashboard/views/fares.ts";
import { at, row, start } from "./rows.ts";

const money = { currency: "EUR", exponent: 2 };
const rows = [
  row("watches/routes/HEL-LHR/any/EUR", { ...money, amountMinor: null, level: "unknown", lowMinor: 16_605 }),
  row("watches/routes/HEL-ARN/economy/EUR", {
    ...money,
    amountMinor: 9_434,
    changeMinor: -178,
    changePct: -1.85,
    lowMinor: 6_764,
    highMinor: 11_214,
    typicalLowMinor: 7_500,
    typicalHighMinor: 9_600,
    level: "typical",
    flight: "ZZ803",
    departs: "2027-01-01",
  }),
  row("watches/flights/HEL-ARN/ZZ803/2027-01-01/economy/EUR", { ...money, amountMinor: 9_434 }),
  row("watches/stockholm", {
    ...money,
    state: "armed",
    fires: 2,
    firedAt: at(5),
    firedMinor: 8_700,
    amountMinor: 9_434,
    belowMinor: 8_900,
  }),
  row("watches/london", {
    ...money,
    state: "fired",
    fires: 1,
    firedAt: at(9),
    sinceLowMinor: 1,
    sinceHighMinor: 2,
  }),
  row("watches/oslo", { ...money, state: "armed", fires: 0, firedAt: null, aboveMinor: 12_000 }),
];

it("lists the fares of routes, and not those of single flights", () => {
  const fares = routeFaresOf(rows);
  expect(fares.map(({ name, cabin }) => `${name} ${cabin}`)).toEqual(["HEL → ARN economy", "HEL → LHR "]);
  expect(fares[0]).toMatchObject({
    amountMinor: 9_434,
    changeMinor: -178,
    level: "typical",
    flight: "ZZ803",
  });
  expect(fares[1]).toMatchObject({ amountMinor: null, level: "unknown", highMinor: null });
});

it("lists the watches that fired first, and what each waits for", () => {
  const watches = watchesOf(rows, "en");
  expect(watches.map(({ name, isFired }) => `${name} ${isFired}`)).toEqual([
    "london true",
    "oslo false",
    "stockholm false",
  ]);
  expect(watches.map(({ waitsFor }) => waitsFor)).toEqual([
    "a change; €0.01 to €0.02 since it last fired",
    "above €120.00",
    "below €89.00",
  ]);
  expect(watches[2]).toMatchObject({ fires: 2, firedAt: start + 5_000, firedMinor: 8_700 });
});

it.each([
  [150, 100, 200, 0.5],
  [90, 100, 200, 0],
  [100, 100, 100, 0.5],
  [null, 100, 200, null],
])("puts %s between %s and %s at %s", (amount, low, high, share) => {
  expect(shareOf(amount, low, high)).toBe(share);
});
