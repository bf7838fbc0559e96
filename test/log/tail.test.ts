import { describe, expect, it } from "vitest";
import { RecordEncoder } from "../../src/log/encoder.ts";
import { RecentReadings } from "../../src/log/recent.ts";
import type { StoredRecord } from "../../src/log/record.ts";
import { ShapeTable } from "../../src/log/shapes.ts";
import { MemoryTail, recordOverheadBytes } from "../../src/log/tail.ts";
import { TopicTable } from "../../src/log/topics.ts";
import type { Reading } from "../../src/model/reading.ts";

const encoder = new RecordEncoder(new TopicTable(100, [], 0), new ShapeTable(100, []), 65_536);
const noneRecent = new RecentReadings(0);

/** Records from seq `first` on; every tenth has remarks and a nested value. */
function recordsOf(first: number, count: number): StoredRecord[] {
  const readings = Array.from({ length: count }, (_, index): Reading => {
    const seq = first + index;
    const plain = { domain: "gps", device: `van-${seq % 7}`, time: 1_000 + seq } as const;
    return seq % 10 > 0
      ? { ...plain, values: { lat: 52 + seq / 1e5, lon: 4.5, ok: seq % 2 === 0 } }
      : { ...plain, values: { lat: 52, lon: 4, parts: [{ id: seq }] }, attrs: { note: `at ${seq}` } };
  });
  const records = [...encoder.encode(readings, first, 1, noneRecent)];
  for (const record of records) record.committedAt = 5_000 + record.seq;
  return records;
}

function said({ seq, topic, time, values, attrs, shapeId, committedAt, body }: StoredRecord) {
  return { seq, topic, time, values, attrs, shapeId, committedAt, body: [...body] };
}

const unlimited = 1e9;

describe("the log's memory tail", () => {
  it("reads what was pushed, however long ago and in whatever parts", () => {
    const tail = new MemoryTail(unlimited, unlimited);
    const all = recordsOf(1, 5_000);
    for (let from = 0, count = 1; from < all.length; from += count, count = (count * 7 + 3) % 900)
      tail.push(all.slice(from, from + count));
    const wanted = all.map(said);
    expect(tail.read(0, unlimited)?.map(said)).toEqual(wanted);
    for (const after of [1, 510, 511, 512, 513, 1_023, 1_024, 4_000, 4_500, 4_998, 4_999, 5_000])
      expect(tail.read(after, unlimited)?.map(said)).toEqual(wanted.slice(after));
  });

  it("reads page after page, each with at least one record", () => {
    const tail = new MemoryTail(unlimited, unlimited);
    tail.push(recordsOf(1, 3_000));
    for (const maxBytes of [1, 100, 10_000]) {
      const seqs: number[] = [];
      for (;;) {
        const page = tail.read(seqs.length, maxBytes) ?? [];
        if (page.length === 0) break;
        const ahead = page.slice(0, -1).reduce((bytes, { body }) => bytes + body.length, 0);
        expect(ahead).toBeLessThan(maxBytes);
        seqs.push(...page.map(({ seq }) => seq));
      }
      expect(seqs).toEqual(Array.from({ length: 3_000 }, (_, index) => index + 1));
    }
  });

  it("gives all who read the same the same records", () => {
    const tail = new MemoryTail(unlimited, unlimited);
    tail.push(recordsOf(1, 3_000));
    const [one, other] = [tail.read(100, unlimited), tail.read(100, unlimited)];
    expect(one?.every((record, index) => record === other?.[index])).toBe(true);
  });

  it("keeps as many as it may, by count and by bytes", () => {
    const byCount = new MemoryTail(1_500, unlimited);
    const all = recordsOf(1, 4_000);
    for (const record of all) {
      byCount.push([record]);
      expect(byCount.count).toBe(Math.min(record.seq, 1_500));
    }
    expect([byCount.first, byCount.read(2_499, 1), byCount.read(2_500, unlimited)?.length]).toEqual([
      2_501,
      null,
      1_500,
    ]);

    const byBytes = new MemoryTail(unlimited, 300 * 1_024);
    for (const record of all) {
      byBytes.push([record]);
      expect(byBytes.bytes).toBeLessThanOrEqual(300 * 1_024);
    }
    const left = byBytes.read((byBytes.first ?? 0) - 1, unlimited) ?? [];
    expect(left.map(({ seq }) => seq)).toEqual(
      Array.from({ length: byBytes.count }, (_, index) => 4_001 - byBytes.count + index),
    );
  });

  it("counts nothing any more when everything is dropped, and goes on", () => {
    const tail = new MemoryTail(unlimited, unlimited);
    tail.push(recordsOf(1, 2_000));
    for (const oldest of [100, 512, 513, 1_800, 2_001]) {
      tail.dropBefore(oldest);
      expect(tail.read(oldest - 2, unlimited)).toBeNull();
      expect(tail.count).toBe(2_001 - oldest);
    }
    expect([tail.first, tail.bytes, tail.read(2_000, 1)]).toEqual([null, 0, null]);
    tail.push(recordsOf(2_001, 3));
    expect(tail.read(2_000, unlimited)?.map(({ seq }) => seq)).toEqual([2_001, 2_002, 2_003]);
  });

  it("hands back those that were dropped and are nowhere else", () => {
    const tail = new MemoryTail(1_100, unlimited);
    const all = recordsOf(1, 3_000);
    expect(tail.push(all.slice(0, 2_000))).toEqual([]);
    const lost = tail.push(all.slice(2_000), 1_500);
    expect(lost.map(said)).toEqual(all.slice(1_500, 1_900).map(said));
  });

  it("takes a tenth of the memory for a record that is not among the newest", () => {
    const tail = new MemoryTail(unlimited, unlimited);
    const all = recordsOf(1, 100_000);
    tail.push(all);
    const bodies = all.reduce((bytes, { body }) => bytes + body.length, 0);
    expect(tail.bytes - bodies).toBeLessThan((all.length * recordOverheadBytes) / 10);
  });

  it("holds little more than what is read of large records", () => {
    const tail = new MemoryTail(unlimited, unlimited);
    const note = "x".repeat(50_000);
    const readings = Array.from({ length: 1_200 }, (_, index): Reading => {
      return { domain: "gps", device: "van", time: index, values: { note } };
    });
    tail.push([...encoder.encode(readings, 1, 1, noneRecent)] as StoredRecord[]);
    const [first] = tail.read(0, 1) ?? [];
    expect([first?.seq, first?.values["note"] === note]).toEqual([1, true]);
    expect(first?.body.buffer.byteLength).toBeLessThan(4 * note.length);
    expect(tail.read(0, unlimited)?.map(({ seq }) => seq)).toEqual(readings.map((_, index) => index + 1));
  });
});
