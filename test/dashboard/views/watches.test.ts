import { expect, it } from "vitest";
import { watchesOf, wishIn } from "../../../src/dashboard/views/watches.ts";
import { at, row, start } from "./rows.ts";

const euro = { currency: "EUR", exponent: 2, fires: 0, firedAt: null, state: "armed" };
const noWish = { below: null, above: null, dropsPct: null, risesPct: null, changesPct: null };
const wish = { ...noWish, isActive: true, from: "HEL", to: "ARN", currency: "EUR" };

it("lists the watches that fired first, what each waits for, and those that can be taken back", () => {
  const watches = watchesOf(
    [
      row("watches/routes/HEL-LHR/any/EUR", { currency: "EUR", exponent: 2, amountMinor: null }),
      row("watches/stockholm", {
        ...euro,
        fires: 2,
        firedAt: at(5),
        firedMinor: 8_700,
        amountMinor: 9_434,
        belowMinor: 8_900,
      }),
      row("watches/asked/london", { ...wish, above: "120" }),
      row("watches/london", { ...euro, state: "fired", fires: 1, firedAt: at(9), aboveMinor: 12_000 }),
      row("watches/asked/gone", { ...noWish, isActive: false }),
      row("watches/gone", { ...euro, state: "removed" }),
      row("watches/asked/soon", { ...wish, below: "119.90" }),
      row("watches/asked/later", { ...wish, changesPct: 5 }),
    ],
    "en",
  );
  expect(watches.map(({ name, state, waitsFor, isAsked }) => [name, state, waitsFor, isAsked])).toEqual([
    ["london", "fired", "a price above €120.00", true],
    ["later", "new", "a change by 5 %", true],
    ["soon", "new", "a price below €119.90", true],
    ["stockholm", "armed", "a price below €89.00", false],
  ]);
  expect(watches[2]).toMatchObject({ route: "HEL → ARN", stands: "no price yet" });
  expect(watches[3]).toMatchObject({
    fires: 2,
    firedAt: start + 5_000,
    firedMinor: 8_700,
    stands: "€94.34",
  });
});

it.each([
  ["a drop", { dropsPct: 10, risesPct: null }, "a drop by 10 %", "€114.00; 5.0 % below the highest, €120.00"],
  ["a rise", { dropsPct: null, risesPct: 10 }, "a rise by 10 %", "€114.00; 3.6 % above the lowest, €110.01"],
  [
    "either",
    { dropsPct: 10, risesPct: 10 },
    "a change by 10 %",
    "€114.00; 5.0 % below the highest, €120.00; 3.6 % above the lowest, €110.01",
  ],
])(
  "tells of %s from what it counts, where it fires, and where the price is",
  (_, percents, waitsFor, stands) => {
    const values = {
      ...euro,
      ...percents,
      amountMinor: 11_400,
      sinceLowMinor: 11_001,
      sinceHighMinor: 12_000,
    };
    const [watch] = watchesOf([row("watches/w", values)], "en");
    expect(watch).toMatchObject({ waitsFor, stands });
  },
);

it("asks for what was filled in, and for nothing that was left empty", () => {
  const form = new FormData();
  const filled = {
    name: " xmas ",
    from: "HEL",
    to: "ARN",
    currency: "eur",
    condition: "dropsPct",
    amount: "7,5 %",
  };
  for (const [name, text] of Object.entries({ ...filled, flight: "", departs: "" })) form.set(name, text);
  expect(wishIn(form)).toEqual({ name: "xmas", from: "HEL", to: "ARN", currency: "EUR", dropsPct: "7.5" });
});
