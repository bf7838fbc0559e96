import { expect, test } from "vitest";
import { meshtastic } from "../../src/formats/meshtastic.ts";

const host = { claim: () => false, release: () => {} };

test("remembers a bounded number of packets: old copies are read again, new ones are not", () => {
  const decode = meshtastic.create({}, host);
  const read = (id: number, gateway: string): number => {
    const payload = { from: 1, id, type: "position", payload: { latitude_i: 1, longitude_i: 2 } };
    const bytes = new TextEncoder().encode(JSON.stringify(payload));
    const topic = `msh/2/json/LongFast/${gateway}`;
    return decode({ topic, payload: bytes, receivedAt: 1e12, client: null }).readings.length;
  };
  for (let id = 0; id < 12_000; id++) expect(read(id, "!00000001")).toBe(1);
  expect(read(11_999, "!00000002")).toBe(0);
  expect(read(0, "!00000002")).toBe(1);
});
