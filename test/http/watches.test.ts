import { expect, it, onTestFinished } from "vitest";
import { renewWatches } from "../../src/http/watches.ts";
import type { Reading } from "../../src/model/reading.ts";
import { append, gpsReading, openTestLog } from "../support/log.ts";

it("watches that people asked for are asked for again when the ring has dropped the wish", async () => {
  const log = await openTestLog({ latestCheckpointMs: 5 }, { maxBytes: 20_000 });
  onTestFinished(() => log.close());
  const wish = (name: string, isActive: boolean): Reading => {
    const values = { isActive, from: "HEL", to: "ARN", currency: "EUR", below: isActive ? "120" : null };
    return { domain: "watches", device: `asked/${name}`, time: Date.now(), values };
  };
  await append(log, wish("kept", true), wish("removed", true));
  await append(log, wish("removed", false));
  for (let count = 0; log.oldest <= 3; count++) {
    await append(log, gpsReading("van-7", { text: "x".repeat(200), count }));
    expect(count).toBeLessThan(10_000);
  }
  await renewWatches(log);
  const [kept, removed] = log.latest("watches/asked/+");
  expect(kept).toMatchObject({
    seq: log.head,
    values: { isActive: true, from: "HEL", below: "120", above: null },
  });
  expect(removed?.seq).toBe(3);
  await renewWatches(log);
  expect(log.head).toBe(kept?.seq);
});
