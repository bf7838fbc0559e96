import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { geoJsonWriter } from "../../../src/http/export/geojson.ts";
import { GpxWriter } from "../../../src/http/export/gpx.ts";
import type { Row, RowWriter } from "../../../src/http/export/row.ts";

const start = Date.UTC(2026, 10, 22, 10);

function row(topic: number, seconds: number, values: Row["values"], name = `gps/${topic}`): Row {
  return { seq: seconds, topicId: topic, topic: name, time: start + seconds * 1_000, values };
}

/** In parts, as a stream has it. */
function written(writer: RowWriter, rows: readonly Row[]): string {
  let text = writer.head();
  for (let at = 0; at < rows.length; at += 2) text += writer.rows(rows.slice(at, at + 2));
  return text + writer.tail({ next: null });
}

describe("GeoJSON", () => {
  it("has a point for each row, longitude first, and a feature without a geometry where there is no position", () => {
    const rows = [
      row(1, 0, { lat: 60.1, lon: 24.9, altM: 12, speedKmh: 30 }),
      row(1, 1, { lat: 60.2, lon: 24.8 }),
      row(2, 2, { powerW: 5, altM: 3 }),
    ];
    const properties = (topic: string, seconds: number) => ({
      topic,
      time: new Date(start + seconds * 1_000).toISOString(),
    });
    expect(JSON.parse(written(geoJsonWriter(), rows))).toEqual({
      type: "FeatureCollection",
      features: [
        {
          type: "Feature",
          id: 0,
          geometry: { type: "Point", coordinates: [24.9, 60.1, 12] },
          properties: { ...properties("gps/1", 0), speedKmh: 30 },
        },
        {
          type: "Feature",
          id: 1,
          geometry: { type: "Point", coordinates: [24.8, 60.2] },
          properties: properties("gps/1", 1),
        },
        {
          type: "Feature",
          id: 2,
          geometry: null,
          properties: { ...properties("gps/2", 2), powerW: 5, altM: 3 },
        },
      ],
      next: null,
    });
    expect(JSON.parse(written(geoJsonWriter(), []))).toMatchObject({ features: [] });
  });
});

// The schema's rules (https://www.topografix.com/GPX/1/1/gpx.xsd) as far as the writer uses it, by a parser that is not ours.
const checker = `
import sys, re, xml.etree.ElementTree as tree
gpx = "{http://www.topografix.com/GPX/1/1}"
ext = "{http://www.garmin.com/xmlschemas/TrackPointExtension/v2}"
decimal = re.compile(r"^-?[0-9]+(\\.[0-9]+)?$")
def number(text, low, high, closed=True):
    assert decimal.match(text), text
    assert low <= float(text) <= high and (closed or float(text) < high), text
root = tree.fromstring(sys.stdin.buffer.read())
assert root.tag == gpx + "gpx" and root.attrib["version"] == "1.1" and root.attrib["creator"]
for track in root:
    assert track.tag == gpx + "trk" and track[0].tag == gpx + "name"
    print("trk", track[0].text)
    for segment in track[1:]:
        assert segment.tag == gpx + "trkseg" and len(segment) > 0
        print("trkseg", len(segment))
        for point in segment:
            assert point.tag == gpx + "trkpt" and set(point.attrib) == {"lat", "lon"}
            number(point.attrib["lat"], -90, 90)
            number(point.attrib["lon"], -180, 180, False)
            tags = [child.tag for child in point]
            assert tags == [tag for tag in [gpx + "ele", gpx + "time", gpx + "extensions"] if tag in tags], tags
            assert re.match(r"^[0-9]{4}-..-..T..:..:..\\.[0-9]{3}Z$", point.find(gpx + "time").text)
            if tags[0] == gpx + "ele": number(point[0].text, -float("inf"), float("inf"))
            if tags[-1] == gpx + "extensions":
                assert [child.tag for child in point[-1]] == [ext + "TrackPointExtension"]
                more = point[-1][0]
                names = [child.tag for child in more]
                assert names and names == [tag for tag in [ext + "speed", ext + "course"] if tag in names], names
                for child in more:
                    if child.tag == ext + "speed": number(child.text, 0, float("inf"))
                    else: number(child.text, 0, 360, False)
`;

/** Says the tracks and the lengths of their segments. @throws Error if a rule is broken */
function checkGpx(text: string): string[] {
  const output = execFileSync("python3", ["-c", checker], { input: text, encoding: "utf8" });
  return output.split("\n").filter((line) => line !== "");
}

describe("GPX", () => {
  it("has a track for each topic, and a new segment after a pause", () => {
    const rows = [
      row(1, 0, { lat: 60.1, lon: 24.9, altM: 12.5, speedKmh: 36, courseDeg: 360 }),
      row(1, 10, { lat: 60.2, lon: 24.8 }),
      row(1, 15, { batteryPct: 5 }),
      row(1, 4_000, { lat: 60.3, lon: 180 }),
      row(2, 0, { powerW: 5 }),
      row(3, 0, { lat: 1e-7, lon: -1e-7 }, "gps/a <b> & c"),
    ];
    const text = written(new GpxWriter(), rows);
    expect(text).toContain("<gpxtpx:speed>10</gpxtpx:speed><gpxtpx:course>0</gpxtpx:course>");
    expect(checkGpx(text)).toEqual(["trk gps/1", "trkseg 2", "trkseg 1", "trk gps/a <b> & c", "trkseg 1"]);
    expect(checkGpx(written(new GpxWriter(), [row(2, 0, { powerW: 5 })]))).toEqual([]);
  });

  it("keeps the schema's rules whatever a reading says", () => {
    const number = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(-0, 1e21, 5e-324),
    );
    const values = fc.record({
      lat: fc.double({ min: -90, max: 90, noNaN: true }),
      lon: fc.double({ min: -180, max: 180, noNaN: true }),
      altM: fc.option(number, { nil: "high" }),
      speedKmh: fc.option(fc.double({ min: 0, max: Number.MAX_VALUE, noNaN: true }), { nil: null }),
      courseDeg: fc.option(fc.double({ min: 0, max: 360, noNaN: true }), { nil: null }),
    });
    const name = fc.string({ unit: "binary", maxLength: 20 }).map((text) => `gps/${text}`);
    const rows = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), name, values), {
      minLength: 1,
      maxLength: 20,
    });
    // One process for all: a track a case.
    const cases = fc.sample(rows, 100).flat();
    const made = cases.map(([topic, text, one], at) => row(topic + 4 * at, at, one, text));
    expect(checkGpx(written(new GpxWriter(), made)).filter((line) => line === "trkseg 1")).toHaveLength(
      made.length,
    );
  });
});
