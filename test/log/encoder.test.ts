import { expect, it } from "vitest";
import { RecordEncoder } from "../../src/log/encoder.ts";
import { RecentReadings } from "../../src/log/recent.ts";
import { ShapeTable } from "../../src/log/shapes.ts";
import { TopicTable } from "../../src/log/topics.ts";
import type { Reading } from "../../src/model/reading.ts";

it("takes no memory for a repetition, lest a device that repeats itself makes each stored reading a hundred times larger", () => {
  const encoder = new RecordEncoder(new TopicTable(10, [], 0), new ShapeTable(10, []), 65_536);
  const recent = new RecentReadings(1_000);
  const reading = (n: number): Reading => ({ domain: "gps", device: "van", time: 1_000, values: { n } });
  const readings = [1, 2].flatMap((n) => new Array<Reading>(50).fill(reading(n)));
  const records = encoder.encode(readings, 1, 1, recent);
  recent.settle(true);
  const further = encoder.encode([reading(1), reading(3)], 3, 1, recent);
  const bodies = [...records, ...further].map(({ body }) => body);
  expect(bodies.map(({ buffer }) => buffer === bodies[0]?.buffer)).toEqual([true, true, true]);
  const ends = bodies.map(({ byteOffset, length }) => byteOffset + length);
  expect(bodies.map(({ byteOffset }) => byteOffset)).toEqual([bodies[0]?.byteOffset, ends[0], ends[1]]);
});
