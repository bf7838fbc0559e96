import type { Packet } from "../model/packet.ts";
import type { Reading, Values } from "../model/reading.ts";
import { addCongestion, freeFlowOf } from "./congestion.ts";
import { type NumberField, numberField, readNumber, readValue } from "./fields.ts";
import type { Format, FormatSettings } from "./format.ts";
import { readPlainText } from "./json-payload.ts";
import { makeReading, nothing, outcomes, quote, reject } from "./outcome.ts";
import { observedAt, parseTime } from "./time.ts";
import { type TimeZone, timeZone } from "./timezone.ts";

/** Most lines of one message; a whole district has about 4,000 stations. */
const maxLines = 10_000;

/** Most lanes of a station. */
const maxLanes = 24;

const maxColumns = 3 * maxLanes + 3;

/** How a kind of line writes its measurements. */
interface Layout {
  readonly intervalS: number;
  readonly flow: NumberField;
  readonly speed: NumberField;
  readonly occupancy: NumberField;
}

const milesPerHour = 1.609344;

function layout(intervalS: number, occupancyScale: number): Layout {
  return {
    intervalS,
    flow: numberField("flow", "flowVph", 3600 / intervalS),
    speed: numberField("speed", "speedKmh", milesPerHour),
    occupancy: numberField("occupancy", "occupancyPct", occupancyScale),
  };
}

/** The live feed: vehicles in 30 s, mph, tenths of a percent. */
const feedLayout = layout(30, 0.1);
/** Files of the Clearinghouse write occupancy as a fraction. */
const rawFileLayout = layout(30, 100);
const fiveMinuteLayout = layout(300, 100);

/** Columns of a 5-minute line before those of the lanes, and columns per lane. */
const stationColumns = 12;
const columnsPerLane = 5;
/** Station Hour lines look alike and have these many: 12, six delays, three per lane of eight. */
const hourColumns = 42;

/** The settings of one decoder, and the packet and line that it reads. */
interface Line {
  readonly packet: Packet;
  readonly zone: TimeZone | null;
  readonly freeFlowKmh: number | null;
  readonly path: string;
  readonly cells: readonly string[];
}

/**
 * Loop detectors of California's freeways: the 30-second feed `station,lanes,(flow,speed,occupancy) × lanes,local time`, and
 * lines of the Clearinghouse's Station Raw and Station 5-Minute files, which begin with a date. The lane is the channel.
 * Times are local: set `timezone: America/Los_Angeles`. Sources: Caltrans PeMS, "CSV Traffic Format" and the Data
 * Clearinghouse's field tables.
 */
export const pemsCsv: Format = {
  name: "pems-csv",
  title: "Caltrans PeMS loop detectors (CSV)",
  topics: ["pems/#", "/pems/#"],
  create(settings: FormatSettings) {
    const zone = settings.timezone === undefined ? null : timeZone(settings.timezone);
    const freeFlowKmh = freeFlowOf(settings);
    return (packet) => {
      if (packet.payload.length === 0) return nothing;
      const payload = readPlainText(packet.payload);
      if (typeof payload === "string") return reject(payload);
      const lines = payload.text.split("\n", maxLines + 1);
      if (lines.length > maxLines) return reject(`payload: more than ${maxLines} lines; split the message`);
      const results: (Reading | string)[] = [];
      for (const [at, text] of lines.entries()) {
        const cells = text.split(",", maxColumns + 1).map((cell) => cell.trim());
        if ((cells.length === 1 && cells[0] === "") || (at === 0 && isHeader(cells))) continue;
        const line = { packet, zone, freeFlowKmh, path: `line ${at + 1}: `, cells };
        results.push(...readLine(line));
      }
      return outcomes(results);
    };
  },
};

const headers: ReadonlySet<string> = new Set(["station", "station id", "station_id", "timestamp", "vds"]);

function isHeader(cells: readonly string[]): boolean {
  return headers.has((cells[0] as string).toLowerCase());
}

const usDate = /^(\d\d)\/(\d\d)\/(\d{4})/;
const stationId = /^\d{1,16}$/;

function readLine(line: Line): (Reading | string)[] {
  const { cells, path } = line;
  if (cells.length > maxColumns) return [`${path}more than ${maxColumns} columns`];
  const isFile = usDate.test(cells[0] as string);
  const station = cells[isFile ? 1 : 0] ?? "";
  if (!stationId.test(station)) return [`${path}station: ${quote(station)} is not a station's number`];
  if (!isFile) return readFeedLine(line, station);
  return /^[NSEW]$/.test(cells[4] ?? "") ? readFiveMinutes(line, station) : readRawFileLine(line, station);
}

function readFeedLine(line: Line, station: string): (Reading | string)[] {
  const { cells, path, packet, zone } = line;
  const lanes = readNumber(cells[1]);
  if (lanes === undefined || !Number.isInteger(lanes) || lanes < 0 || lanes > maxLanes) {
    return [`${path}lanes: ${quote(cells[1])} is not a number of lanes (0 to ${maxLanes})`];
  }
  const columns = 3 + 3 * lanes;
  if (cells.length !== columns) {
    return [`${path}lanes: ${lanes} lanes make ${columns} columns, there are ${cells.length}`];
  }
  const time = observedAt(cells[columns - 1], `${path}time`, packet.receivedAt, zone);
  if (typeof time === "string") return [time];
  const readings: Reading[] = [];
  for (let lane = 0; lane < lanes; lane++) {
    const [flow, speed, occupancy] = cells.slice(2 + 3 * lane);
    addReading(readings, line, feedLayout, { station, lane: lane + 1, time, flow, speed, occupancy });
  }
  return readings;
}

/** `timestamp,station,(flow,occupancy,speed) × lanes`. */
function readRawFileLine(line: Line, station: string): (Reading | string)[] {
  const { cells, path } = line;
  if ((cells.length - 2) % 3 !== 0) return [`${path}three columns per lane expected after the station`];
  const time = timeOfFile(line, 0);
  if (typeof time === "string") return [time];
  const readings: Reading[] = [];
  for (let at = 2; at < cells.length; at += 3) {
    const [flow, occupancy, speed] = cells.slice(at);
    const lane = (at - 2) / 3 + 1;
    addReading(readings, line, rawFileLayout, { station, lane, time, flow, speed, occupancy });
  }
  return readings;
}

/**
 * `timestamp,station,district,freeway,direction,type,length,samples,% observed,flow,occupancy,speed`, then per lane
 * `samples,flow,occupancy,speed,observed`. The timestamp is the beginning of the five minutes.
 */
function readFiveMinutes(line: Line, station: string): (Reading | string)[] {
  const { cells, path } = line;
  if (cells.length === hourColumns || (cells.length - stationColumns) % columnsPerLane !== 0) {
    return [`${path}${cells.length} columns; only 5-minute station files are read (12 + 5 per lane)`];
  }
  const time = timeOfFile(line, fiveMinuteLayout.intervalS);
  if (typeof time === "string") return [time];
  const readings: Reading[] = [];
  const [flow, occupancy, speed] = cells.slice(9);
  addReading(readings, line, fiveMinuteLayout, { station, lane: 0, time, flow, speed, occupancy });
  for (let at = stationColumns; at < cells.length; at += columnsPerLane) {
    const [, flow, occupancy, speed] = cells.slice(at);
    const lane = (at - stationColumns) / columnsPerLane + 1;
    addReading(readings, line, fiveMinuteLayout, { station, lane, time, flow, speed, occupancy });
  }
  return readings;
}

/** The end of a window that begins at the line's `MM/DD/YYYY HH:MM:SS`. */
function timeOfFile(line: Line, lengthS: number): number | string {
  const text = line.cells[0] as string;
  const iso = text.replace(usDate, "$3-$1-$2");
  const { receivedAt } = line.packet;
  const start = parseTime(iso, line.zone, receivedAt);
  const isUsable = start !== null && !Number.isNaN(start);
  return observedAt(isUsable ? start + lengthS * 1000 : iso, `${line.path}time`, receivedAt, line.zone);
}

/** What a lane says; lane 0 is the whole station. */
interface LaneCells {
  readonly station: string;
  readonly lane: number;
  readonly time: number;
  readonly flow: string | undefined;
  readonly speed: string | undefined;
  readonly occupancy: string | undefined;
}

/** Adds the reading of a lane; none for a lane that says nothing. Missing values are empty. */
function addReading(readings: Reading[], line: Line, layout: Layout, cells: LaneCells): void {
  const values: Values = {};
  const flowVph = readValue(cells.flow, layout.flow);
  const speedKmh = readValue(cells.speed, layout.speed);
  const occupancyPct = readValue(cells.occupancy, layout.occupancy);
  if (flowVph !== undefined) values["flowVph"] = flowVph;
  if (speedKmh !== undefined) values["speedKmh"] = speedKmh;
  if (occupancyPct !== undefined) values["occupancyPct"] = occupancyPct;
  if (flowVph === undefined && speedKmh === undefined && occupancyPct === undefined) return;
  values["intervalS"] = layout.intervalS;
  addCongestion(values, line.freeFlowKmh);
  const channel = cells.lane === 0 ? undefined : String(cells.lane);
  readings.push(makeReading("road", cells.station, channel, cells.time, values));
}
