import { expect, it } from "vitest";
import { routeFaresOf, shareOf } from "../../../src/dashboard/views/fares.ts";
import { row } from "./rows.ts";

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

it.each([
  [150, 100, 200, 0.5],
  [90, 100, 200, 0],
  [100, 100, 100, 0.5],
  [null, 100, 200, null],
])("puts %s between %s and %s at %s", (amount, low, high, share) => {
  expect(shareOf(amount, low, high)).toBe(share);
});
