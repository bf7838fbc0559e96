import { isHostileName } from "./json-payload.ts";
import { quote } from "./outcome.ts";

/** How a source writes tables. */
export interface CsvSettings {
  /** One character. */
  readonly separator: string;
  /** The names of the columns, true where the first line has them, null where columns have only numbers. */
  readonly header: readonly string[] | true | null;
}

/** A row by name of its column, or by number where columns have none; or why it cannot be read. */
export type CsvRow = Readonly<Record<string, string>> | readonly string[] | string;

/** Most rows of one payload, and most columns of a row. */
export const maxRows = 5_000;
const maxColumns = 256;

/**
 * The rows of a table (RFC 4180: a cell in double quotes may have separators, line ends and doubled quotes). Empty lines
 * are skipped. A row whose number of cells is not that of the header becomes a reason. A reason alone if the whole
 * payload is no good.
 */
export function readCsv(text: string, { separator, header }: CsvSettings): CsvRow[] | string {
  const lines = splitCells(text, separator);
  if (typeof lines === "string") return lines;
  const names = header === true ? lines.shift() : header;
  if (names === undefined || names === null) return lines;
  if (header === true) {
    const problem = headerProblem(names);
    if (problem !== null) return problem;
  }
  return lines.map((cells) => rowOf(names, cells));
}

/** Says why names cannot be those of columns, null if they can. */
export function headerProblem(names: readonly string[]): string | null {
  const bad = names.find((name, at) => isHostileName(name) || names.indexOf(name) !== at);
  return bad === undefined ? null : `header: the column ${quote(bad)} is there twice or has a reserved name`;
}

function rowOf(names: readonly string[], cells: readonly string[]): CsvRow {
  if (cells.length !== names.length) {
    return `${cells.length} cells, but the header has ${names.length}; check the separator`;
  }
  return Object.fromEntries(names.map((name, at) => [name, cells[at] as string]));
}

function splitCells(text: string, separator: string): string[][] | string {
  const lines: string[][] = [];
  let cells: string[] = [];
  let at = 0;
  while (at < text.length || cells.length > 0) {
    const cell = readCell(text, at, separator);
    if (cell === null) return "payload: a quoted cell does not end, or goes on after its quote";
    cells.push(cell.value);
    if (cells.length > maxColumns) return `payload: more than ${maxColumns} columns`;
    at = cell.end + 1;
    if (text[cell.end] === separator) continue;
    if (cells.length > 1 || cells[0] !== "") lines.push(cells);
    if (lines.length > maxRows) return `payload: more than ${maxRows} rows; split the message`;
    cells = [];
  }
  return lines;
}

/** The cell at `at`, and where the separator or line feed after it stands. */
function readCell(text: string, at: number, separator: string): { value: string; end: number } | null {
  if (text[at] === '"') return readQuoted(text, at, separator);
  let end = at;
  while (end < text.length && text[end] !== separator && text[end] !== "\n") end++;
  return { value: text.slice(at, end).trim(), end };
}

function readQuoted(text: string, at: number, separator: string): { value: string; end: number } | null {
  let close = text.indexOf('"', at + 1);
  while (close !== -1 && text[close + 1] === '"') close = text.indexOf('"', close + 2);
  if (close === -1) return null;
  const value = text.slice(at + 1, close).replaceAll('""', '"');
  let end = close + 1;
  if (text[end] === "\r") end++;
  return end >= text.length || text[end] === separator || text[end] === "\n" ? { value, end } : null;
}
