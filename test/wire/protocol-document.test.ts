import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { streamErrors } from "../../src/model/errors.ts";
import { readGoldens } from "./golden/golden.ts";

const page = readFileSync(join(import.meta.dirname, "../../src/wire/PROTOCOL.md"), "utf8");

/** Bytes stand at a line's start, two digits each; two spaces or more begin the remark. */
const bytesAtStart = /^ *((?:[0-9a-f]{2} )*[0-9a-f]{2})(?: {2,}|$)/;

function annotated(): { name: string; lines: string[] }[] {
  return [...page.matchAll(/^```bytes (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = "", text = ""]) => ({
    name,
    lines: text.trimEnd().split("\n"),
  }));
}

describe("the bytes in PROTOCOL.md", () => {
  const goldens = readGoldens();

  it("show what a client meets first", () => {
    expect(annotated().map(({ name }) => name)).toEqual([
      "topics",
      "shapes",
      "readings",
      "subscribed-snapshot",
    ]);
  });

  it.each(annotated())("$name is the golden file of that name", ({ name, lines }) => {
    const bytes = lines.map((line) => {
      const found = bytesAtStart.exec(line)?.[1];
      if (found === undefined) throw new Error(`no bytes at the start of: ${line}`);
      return found.replaceAll(" ", "");
    });
    expect(bytes.join("")).toBe(goldens.find((golden) => golden.name === name)?.msgpack);
  });
});

describe("the error codes in PROTOCOL.md", () => {
  it("are those of the catalogue, with its words", () => {
    const rows = [...page.matchAll(/^\| `([a-z-]+)` \| (yes|no) \| (.+) \|$/gm)];
    const written = rows.map(([, code = "", again = "", help = ""]) => [code, again === "yes", help]);
    const known = Object.entries(streamErrors).map(([code, { again, help }]) => [code, again, help]);
    const byCode = (a: (string | boolean)[], b: (string | boolean)[]) =>
      String(a[0]).localeCompare(String(b[0]));
    expect(written.sort(byCode)).toEqual(known.sort(byCode));
  });
});
