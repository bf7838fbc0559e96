import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nmea } from "../../src/formats/nmea.ts";
import { maxAheadMs } from "../../src/formats/time.ts";
import type { Decoded } from "../../src/model/packet.ts";

const receivedAt = Date.UTC(2026, 10, 20, 12);
const host = { claim: () => false, release: () => {} };

function sentence(body: string): string {
  const sum = [...body].reduce((all, char) => all ^ char.charCodeAt(0), 0);
  return `$${body}*${sum.toString(16).padStart(2, "0").toUpperCase()}`;
}

function decode(text: string): Decoded {
  const payload = new TextEncoder().encode(text);
  return nmea.create({}, host)({ topic: "boat/nmea", payload, receivedAt, client: null });
}

const samples = [
  "GPRMC,115900.00,A,4807.038,N,01131.000,E,10.0,84.4,201126,,,A",
  "GNGGA,115900.00,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
  "GNGNS,115900.00,4807.038,N,01131.000,E,AN,12,0.7,545.4,46.9,,",
  "GPGLL,4807.038,N,01131.000,E,115900.00,A,A",
  "GPVTG,84.4,T,81.3,M,10.0,N,18.5,K,A",
  "GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1",
  "GPZDA,115900.00,18,11,2026,00,00",
];

const field = fc.oneof(
  fc.constantFrom("", "0", "-1", "60", "9999", "4807.038", "1e5", "N", "W", "V", "310299", "235960", "NaN"),
  fc.string({ maxLength: 8 }),
);

describe("nmea", () => {
  test("survives sentences with any field changed and a good checksum", () => {
    const changed = fc.tuple(fc.constantFrom(...samples), fc.nat(20), field).map(([body, at, value]) => {
      const fields = body.split(",");
      fields[at % fields.length] = value;
      return sentence(fields.join(","));
    });
    const property = fc.property(fc.array(changed, { minLength: 1, maxLength: 5 }), (lines) => {
      const { readings, rejected } = decode(lines.join("\r\n"));
      expect(rejected).not.toBe("");
      for (const reading of readings) {
        expect(Math.abs(reading.values["lat"] as number)).toBeLessThanOrEqual(90);
        expect(Math.abs(reading.values["lon"] as number)).toBeLessThanOrEqual(180);
        expect(Number.isInteger(reading.time)).toBe(true);
        expect(reading.time).toBeLessThanOrEqual(receivedAt + maxAheadMs);
        for (const value of Object.values(reading.values)) expect(Number.isFinite(value)).toBe(true);
      }
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  test("never reads a sentence that lost its end, unless what is missing is only the checksum", () => {
    const whole = sentence(samples[0] as string);
    for (let length = 1; length < whole.length; length++) {
      const { readings } = decode(whole.slice(0, length));
      for (const reading of readings)
        expect(reading.values).toMatchObject({ speedKmh: 18.52, courseDeg: 84.4 });
    }
  });

  test("forgets the oldest devices' clocks and still reads them", () => {
    const decoder = nmea.create({}, host);
    const payload = new TextEncoder().encode(sentence(samples[0] as string));
    for (let at = 0; at < 20_500; at++) {
      const { readings } = decoder({ topic: `boat-${at % 10_250}/nmea`, payload, receivedAt, client: null });
      expect(readings).toHaveLength(1);
    }
  });
});
