import type { HttpRequest } from "../model/http.ts";
import { CsvWriter } from "./export/csv.ts";
import { geoJsonWriter } from "./export/geojson.ts";
import { GpxWriter } from "./export/gpx.ts";
import { JsonWriter, NdjsonWriter } from "./export/json.ts";
import { presentRow, type RowWriter } from "./export/row.ts";
import { BadParameter } from "./parameters.ts";

/** The formats of answers, by the name that `format` takes. */
export const exportFormats = {
  json: { type: "application/json; charset=utf-8", isFile: false },
  ndjson: { type: "application/x-ndjson; charset=utf-8", isFile: false },
  csv: { type: "text/csv; charset=utf-8; header=present", isFile: true },
  geojson: { type: "application/geo+json; charset=utf-8", isFile: false },
  gpx: { type: "application/gpx+xml; charset=utf-8", isFile: true },
} as const satisfies Record<string, { type: string; isFile: boolean }>;
export type ExportFormat = keyof typeof exportFormats;

/** A format's media type without parameters. */
export function mediaTypeOf(format: ExportFormat): string {
  return exportFormats[format].type.split(";")[0] as string;
}

/** The format asked for: by `format`, else the `accept` header's favourite among `offered`, else the first of them. */
export function chooseFormat<Offered extends ExportFormat>(
  asked: Offered | null,
  offered: readonly [Offered, ...Offered[]],
  request: HttpRequest,
): Offered {
  if (asked !== null) return asked;
  let best: { format: Offered; weight: number } | null = null;
  for (const range of request.header("accept").split(",")) {
    const [type = "", ...parts] = range.split(";").map((part) => part.trim().toLowerCase());
    const format = offered.find((name) => mediaTypeOf(name) === type);
    const quality = parts.find((part) => part.startsWith("q="));
    const weight = quality === undefined ? 1 : Number(quality.slice(2));
    if (format !== undefined && weight > (best?.weight ?? 0)) best = { format, weight };
  }
  return best?.format ?? offered[0];
}

/** Formats whose rows are positions. */
const placeFormats: ReadonlySet<ExportFormat> = new Set(["geojson", "gpx"]);

/**
 * Checks that what was asked for can have positions, if the format is about them.
 * @throws BadParameter that names the parameter which leaves them out
 */
export function checkPlaces(
  format: ExportFormat,
  fields: readonly string[] | null,
  agg: string | null,
): void {
  if (!placeFormats.has(format)) return;
  if (agg === "count") {
    throw new BadParameter("agg", `counts are no positions for ${format}; give agg=last, or format=json`);
  }
  if (fields === null || (fields.includes("lat") && fields.includes("lon"))) return;
  throw new BadParameter("fields", `${format} needs positions; add lat,lon, or give format=json`);
}

/** @param columns the fields of a table, asked for only if the format is one */
export async function createRowWriter(
  format: ExportFormat,
  columns: () => Promise<readonly string[]>,
): Promise<RowWriter> {
  switch (format) {
    case "json":
      return new JsonWriter('{"readings":[', presentRow);
    case "ndjson":
      return new NdjsonWriter(presentRow);
    case "csv":
      return new CsvWriter(await columns());
    case "geojson":
      return geoJsonWriter();
    case "gpx":
      return new GpxWriter();
  }
}
