import { roadSettings } from "../../src/insights/road-settings.ts";

/** Three segments in a row going north, each with a sensor, and the way back over the last of them without one. */
export const row = roadSettings.parse({
  segments: [
    ...["s0", "s1", "s2"].map((name, index) => ({
      name,
      line: [
        [60 + index / 100, 25],
        [60 + (index + 1) / 100, 25],
      ],
      lengthM: 1_000,
      freeFlowKmh: 60,
      sensors: [{ device: name }],
    })),
    {
      name: "back",
      line: [
        [60.03, 25],
        [60.02, 25],
      ],
      freeFlowKmh: 60,
    },
  ],
  routes: [
    { name: "all", segments: ["s0", "s1", "s2"] },
    { name: "usual", segments: ["s0"], choice: "half" },
    { name: "other", segments: ["s1"], choice: "half" },
  ],
  intervalS: 10,
  detailS: 10,
  staleS: 100,
  probeStaleS: 60,
  minVehicles: 1,
  lateS: 300,
  jamStartS: 30,
  jamEndS: 30,
});
