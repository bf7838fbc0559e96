import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CsvWriter } from "../../../src/http/export/csv.ts";
import type { Row } from "../../../src/http/export/row.ts";

/** Reads CSV as RFC 4180, 2 has it, strictly. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [[]];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  while (pattern.lastIndex < text.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) throw new Error(`no CSV at ${at}: ${JSON.stringify(text.slice(at, at + 40))}`);
    const [, quoted, plain = "", end] = match;
    records.at(-1)?.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "\r\n") records.push([]);
  }
  return records.slice(0, -1);
}

function row(values: Row["values"]): Row {
  return { seq: 7, topicId: 1, topic: "gps/van", time: 0, values };
}

function written(fields: readonly string[], ...rows: readonly Row[]): string {
  const writer = new CsvWriter(fields);
  return writer.head() + writer.rows(rows) + writer.tail({ next: null });
}

describe("CSV", () => {
  it("has a column for each field, and empty cells where there is nothing", () => {
    const text = written(
      ["b", "a"],
      row({ a: 1.5, b: true, c: "left out" }),
      row({ a: -2 }),
      row({ b: null }),
    );
    expect(text).toBe(
      "topic,time,seq,b,a\r\n" +
        "gps/van,1970-01-01T00:00:00.000Z,7,true,1.5\r\n" +
        "gps/van,1970-01-01T00:00:00.000Z,7,,-2\r\n" +
        "gps/van,1970-01-01T00:00:00.000Z,7,,\r\n",
    );
  });

  it("gives every text back", () => {
    const text = fc.string({ unit: fc.constantFrom('"', ",", "\r", "\n", "a", " ", "é", "😀", "=", "'") });
    fc.assert(
      fc.property(text, text, (name, value) => {
        const [head, line] = parseCsv(written([name], row({ [name]: value })));
        const guarded = (cell: string) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell);
        expect(head?.[3]).toBe(guarded(name));
        expect(line?.[3]).toBe(guarded(value));
      }),
    );
  });

  it.each(["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])(
    "keeps a spreadsheet from running the text %j",
    (value) => {
      expect(parseCsv(written(["note"], row({ note: value })))[1]?.[3]).toBe(`'${value}`);
    },
  );

  it("writes numbers as they are, and lists as JSON", () => {
    const [, line] = parseCsv(
      written(["n", "e", "list"], row({ n: -5, e: 1e21, list: [{ from: "HEL" }, "x,y"] })),
    );
    expect(line?.slice(3)).toEqual(["-5", "1e+21", '[{"from":"HEL"},"x,y"]']);
  });
});
