/** Longest line of a table. */
const maxLineChars = 64 * 1024;

/** Reads a row by the names that were asked for; "" for a column that the table does not have. */
export type OnRow = (cells: readonly string[], line: number) => void;

/** A table that cannot be read, with its line. */
export class BadTable extends Error {
  override readonly name = "BadTable";
}

/**
 * Reads a table of GTFS while it comes in: UTF-8, commas, a header, cells perhaps in double quotes (RFC 4180; GTFS, "File
 * requirements"). Unknown columns are skipped, as the specification has it.
 */
export class TableReader {
  readonly #decoder = new TextDecoder("utf-8");
  readonly #wanted: readonly string[];
  readonly #onRow: OnRow;
  /** Where each wanted column stands, -1 if nowhere; null ahead of the header. */
  #places: readonly number[] | null = null;
  #rest = "";
  #line = 0;

  /** @param wanted names of columns; `onRow` gets their cells in this order */
  constructor(wanted: readonly string[], onRow: OnRow) {
    this.#wanted = wanted;
    this.#onRow = onRow;
  }

  /** @throws BadTable */
  push(bytes: Uint8Array): void {
    this.#take(this.#decoder.decode(bytes, { stream: true }));
  }

  /** @throws BadTable */
  end(): void {
    this.#take(`${this.#decoder.decode()}\n`);
    if (this.#rest.trim() !== "") throw new BadTable(`line ${this.#line + 1}: a quoted cell does not end`);
  }

  #take(text: string): void {
    const all = this.#rest + text;
    let from = 0;
    // A line that goes on inside quotes is longer than up to the next line end.
    for (let end = all.indexOf("\n"); end !== -1; end = all.indexOf("\n", end + 1)) {
      const line = all.slice(from, end);
      const isQuoted = line.includes('"');
      if (isQuoted && countQuotes(line) % 2 === 1) continue;
      from = end + 1;
      this.#line++;
      this.#takeLine(line.endsWith("\r") ? line.slice(0, -1) : line, isQuoted);
    }
    this.#rest = all.slice(from);
    if (this.#rest.length > maxLineChars) {
      throw new BadTable(`line ${this.#line + 1}: longer than ${maxLineChars} characters`);
    }
  }

  #takeLine(line: string, isQuoted: boolean): void {
    if (line.trim() === "") return;
    const cells = isQuoted ? splitQuoted(line) : line.split(",");
    if (this.#places === null) {
      const names = cells.map((cell) => cell.trim());
      this.#places = this.#wanted.map((name) => names.indexOf(name));
      return;
    }
    const found = this.#places.map((place) => (place < 0 ? "" : (cells[place] ?? "").trim()));
    this.#onRow(found, this.#line);
  }
}

function countQuotes(line: string): number {
  let count = 0;
  for (let at = line.indexOf('"'); at !== -1; at = line.indexOf('"', at + 1)) count++;
  return count;
}

function splitQuoted(line: string): string[] {
  const cells: string[] = [];
  for (let at = 0; at <= line.length; ) {
    const comma = line.indexOf(",", at);
    const end = comma === -1 ? line.length : comma;
    if (line[at] !== '"') {
      cells.push(line.slice(at, end));
      at = end + 1;
      continue;
    }
    let close = at + 1;
    while (close < line.length && (line[close] !== '"' || line[close + 1] === '"')) {
      close += line[close] === '"' ? 2 : 1;
    }
    cells.push(line.slice(at + 1, close).replaceAll('""', '"'));
    const next = line.indexOf(",", close);
    at = next === -1 ? line.length + 1 : next + 1;
  }
  return cells;
}
