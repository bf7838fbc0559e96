import { describe, expect, test } from "vitest";
import { type DecodedRow, decodeFile, type ReadingRow } from "../../src/formats/decode-file.ts";
import { allFormats, createRouter } from "../../src/formats/registry.ts";
import { type FixtureMessage, fixtureFiles } from "./fixtures.ts";

const noClock = { now: (): number => Number.NaN };

describe.each(allFormats.map((format) => ({ format, name: format.name })))("$name", ({ format }) => {
  const files = fixtureFiles(format.name);

  test("has fixtures with readings and with rejects", () => {
    const expected = files.flatMap((file) => file.messages.map((message) => message.expected));
    expect(expected.some((one) => one.readings.length > 0)).toBe(true);
    expect(expected.some((one) => one.rejected !== null)).toBe(true);
  });

  for (const file of files) {
    const rows = decodeFile(file.path, file.messages, noClock);
    describe(file.path, () => {
      test.each(file.messages.map((message, at) => ({ name: message.name, message, at })))(
        "$name",
        ({ message, at }) => {
          const contexts = [{ ...message.context, topic: message.topic }];
          // A discovered topic belongs to a format only after the packet that announced it.
          const wanted = message.discovered === true ? undefined : format.name;
          expect(createRouter({ contexts })(message.topic)?.name).toBe(wanted);
          expectRow(rows[at] as DecodedRow, message);
        },
      );
    });
  }
});

function expectRow(row: DecodedRow, message: FixtureMessage): void {
  expect(row.name).toBe(message.name);
  expect(inOrder(row.readings)).toStrictEqual(inOrder(message.expected.readings));
  if (message.expected.rejected === null) expect(row.rejected).toBeNull();
  else expect(row.rejected).toContain(message.expected.rejected);
  // Minus zero prints as 0 and is stored as something else.
  for (const reading of row.readings) {
    for (const value of Object.values(reading.values)) expect(Object.is(value, -0)).toBe(false);
  }
}

function inOrder(readings: readonly ReadingRow[]): ReadingRow[] {
  const key = (reading: ReadingRow) => `${reading.device}/${reading.channel ?? ""}/${reading.time}`;
  return [...readings].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
