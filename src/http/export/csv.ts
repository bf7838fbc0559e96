import { isoTime, type Value } from "../../model/reading.ts";
import { evictedTopic, type PageEnd, type Row, type RowWriter } from "./row.ts";

/** Ahead of the columns of values. */
const firstColumns = ["topic", "time", "seq"] as const;

// A spreadsheet takes such text for a formula (OWASP, "CSV Injection"); devices choose their own texts and names.
const formulaStart = /^[=+\-@\t\r]/;

/**
 * CSV (RFC 4180) with a header: topic, time, seq, then one column a field. Lists and objects are written as JSON; text that a
 * spreadsheet would run as a formula gets an apostrophe in front, which spreadsheets do not show. Remarks (`attrs`) are left out.
 */
export class CsvWriter implements RowWriter {
  readonly #fields: readonly string[];

  constructor(fields: readonly string[]) {
    this.#fields = fields;
  }

  head(): string {
    return line([...firstColumns, ...this.#fields].map(textCell));
  }

  rows(rows: readonly Row[]): string {
    return rows.map((row) => this.#row(row)).join("");
  }

  tail({ oldest, isEvicted }: PageEnd): string {
    if (!isEvicted) return "";
    const time = typeof oldest === "number" ? isoTime(oldest) : "";
    return line([evictedTopic, time, "", ...this.#fields.map(() => "")]);
  }

  #row({ topic, time, seq, values }: Row): string {
    const cells = this.#fields.map((name) =>
      Object.hasOwn(values, name) ? cell(values[name] as Value) : "",
    );
    return line([textCell(topic), isoTime(time), seq === undefined ? "" : String(seq), ...cells]);
  }
}

function line(cells: readonly string[]): string {
  return `${cells.join(",")}\r\n`;
}

function cell(value: Value): string {
  if (value === null) return "";
  if (typeof value === "string") return textCell(value);
  return typeof value === "object" ? textCell(JSON.stringify(value)) : String(value);
}

function textCell(text: string): string {
  const safe = formulaStart.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
