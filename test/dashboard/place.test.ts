import { expect, it } from "vitest";
import { hashOf, placeFrom } from "../../src/dashboard/place.ts";

it.each([
  ["", "devices", null],
  ["#alerts", "alerts", null],
  ["#transit/9100035", "transit", "9100035"],
  ["#energy/sites%2Fhouse", "energy", "sites/house"],
  ["#tracking/city/van-1", "tracking", "city/van-1"],
  ["#energy/%E0%A4%A", "energy", "%E0%A4%A"],
  ["#nothing/here", "devices", null],
])("the address %s is a place", (hash, view, detail) => {
  expect(placeFrom(hash)).toEqual({ view, detail });
});

it("comes back from the address that names it", () => {
  expect(placeFrom(hashOf("tracking", "city/van+1 #2"))).toEqual({
    view: "tracking",
    detail: "city/van+1 #2",
  });
  expect(hashOf("fares")).toBe("#fares");
});
