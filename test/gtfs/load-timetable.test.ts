import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { describeTimetable } from "../../firmware-sim/timetable.ts";
import { zip } from "../../firmware-sim/zip.ts";
import { loadTimetable } from "../../src/gtfs/load-timetable.ts";
import { defaultTimetableLimits } from "../../src/gtfs/tables.ts";

const tables: Readonly<Record<string, string>> = {
  "agency.txt": "agency_name,agency_timezone\nTown,Europe/Helsinki\n",
  "stops.txt":
    '\ufeffstop_name,stop_id,stop_lat,stop_lon,location_type\r\n"Market, ""Old""\nTown",A,60,25,\r\nHill,B,60,25.1,0\r\nStation,S,60,25,1\r\nC,C,60.1,25.1,0\r\n',
  "routes.txt": "route_id,route_short_name,route_long_name\nr,7,Seven\nq,,Quiet\n",
  "calendar.txt":
    "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nw,1,1,1,1,1,0,0,20260101,20261231\n",
  "calendar_dates.txt": "service_id,date,exception_type\nw,20260101,2\nx,20260101,1\n",
  "trips.txt": "route_id,service_id,trip_id,direction_id,shape_id\nr,w,t1,0,s\nr,w,t2,0,s\nq,x,t3,,\n",
  "shapes.txt":
    "shape_id,shape_pt_sequence,shape_pt_lat,shape_pt_lon\ns,2,60,25.1\ns,1,60,25\nunused,1,0,0\n",
  "stop_times.txt":
    "trip_id,stop_id,stop_sequence,arrival_time,departure_time\nt1,A,1,08:00:00,08:00:00\nt1,B,5,,\nt2,A,1,25:00:00,25:00:00\nt1,C,9,08:10:00,08:10:00\nt2,C,9,25:10:00,25:10:00\nt2,B,5,,\nt3,A,1,9:00:00,9:01:00\nt3,B,2,9:05:00,9:05:00\n",
};

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "fieldcast-gtfs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

function archive(more: Readonly<Record<string, string | null>> = {}, inFolder = ""): string {
  const files = Object.entries({ ...tables, ...more }).filter(([, text]) => text !== null);
  const path = join(folder, "gtfs.zip");
  writeFileSync(path, zip(new Map(files.map(([name, text]) => [inFolder + name, text as string]))));
  return path;
}

describe("a GTFS archive", () => {
  it("becomes a timetable: quoted cells, calls without times, rows of a trip that do not stand together", async () => {
    const { timetable, problems } = await loadTimetable(archive());
    expect(problems).toEqual([]);
    expect(timetable.timezone).toBe("Europe/Helsinki");
    expect(timetable.stops.map(({ id, name }) => [id, name])).toEqual([
      ["A", 'Market, "Old"\nTown'],
      ["B", "Hill"],
      ["C", "C"],
    ]);
    expect(timetable.routes.map(({ name }) => name)).toEqual(["7", "Quiet"]);
    // t1 and t2 share their pattern; B lies half-way in time.
    expect(timetable.patterns).toContainEqual({
      stops: [0, 1, 2],
      sequences: [1, 5, 9],
      arriveS: [0, 300, 600],
      departS: [0, 300, 600],
    });
    expect(timetable.patterns.length).toBe(2);
    expect(timetable.trips.map(({ id, startS, direction }) => [id, startS, direction])).toEqual([
      ["t1", 28_800, 0],
      ["t2", 90_000, 0],
      ["t3", 32_460, null],
    ]);
    expect(timetable.shapes.map(({ lons }) => [...lons])).toEqual([[25, 25.1]]);
    expect(
      timetable.services.map(({ weekdays, added, removed }) => [weekdays, added.size, removed.size]),
    ).toEqual([
      [31, 0, 1],
      [0, 1, 0],
    ]);
  });

  it("may have its tables in a folder", async () => {
    expect((await loadTimetable(archive({}, "town/"))).timetable.trips.length).toBe(3);
  });

  it("is read though some rows are no good, and says which", async () => {
    const more = "t9,A,1,08:00:00,08:00:00\nt1,Z,9,08:00:00,08:00:00\n";
    const { problems, timetable } = await loadTimetable(
      archive({ "stop_times.txt": `${tables["stop_times.txt"]}${more}` }),
    );
    expect(timetable.trips.length).toBe(3);
    expect(problems).toEqual([
      'stop_times.txt, line 10: its trip "t9" is not in trips.txt',
      'stop_times.txt, line 11: its stop "Z" is not in stops.txt',
    ]);
  });

  it.each([
    ["without a table", { "trips.txt": null }, "trips.txt is missing"],
    ["without a zone", { "agency.txt": "agency_name\nTown\n" }, "agency.txt: no agency_timezone"],
    ["with no trips", { "stop_times.txt": "trip_id\n" }, "no trip has two stops"],
    [
      "with a quote that does not end",
      { "routes.txt": `route_id\n"${"r\n".repeat(40_000)}` },
      "routes.txt: line 2: longer than",
    ],
  ])("%s is refused", async (_what, more, message) => {
    await expect(loadTimetable(archive(more))).rejects.toThrow(message);
  });

  it("that is too large for the limits is refused", async () => {
    const path = archive();
    await expect(loadTimetable(path, { ...defaultTimetableLimits, maxTrips: 2 })).rejects.toThrow(
      "more than 2 trips",
    );
    await expect(loadTimetable(path, { ...defaultTimetableLimits, maxCalls: 4 })).rejects.toThrow(
      "more than 4 calls",
    );
  });

  it("that is damaged is refused, wherever the damage is, and never taken for another", async () => {
    const path = archive();
    const whole = readFileSync(path);
    const { timetable } = await loadTimetable(path);
    for (let at = 0; at < whole.length; at += 7) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] as number) ^ 0x55;
      writeFileSync(path, bytes);
      const found = await loadTimetable(path).catch((error: Error) => error);
      if (found instanceof Error) expect(found.message).toContain(path);
      // Dates and the names of optional tables are not under a check sum.
      else expect(found.timetable.stops).toEqual(timetable.stops);
    }
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    await expect(loadTimetable(path)).rejects.toThrow("not a zip archive");
  });

  it("of the simulated city is a timetable", async () => {
    const path = join(folder, "city.zip");
    writeFileSync(path, zip(describeTimetable()));
    const { timetable, problems } = await loadTimetable(path);
    expect(problems).toEqual([]);
    expect(timetable.trips.length).toBe(10);
  });
});
