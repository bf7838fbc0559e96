import fc from "fast-check";
import { expect, test } from "vitest";
import type { Reading } from "../../src/client/node.ts";
import { Gateway } from "./gateway.ts";
import { open, range, seqs, until } from "./support.ts";

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("commit" as const), count: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("repeat" as const), copies: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("replay" as const), from: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("heartbeat" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose frames" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("drop" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function run(gateway: Gateway, step: Step, got: readonly Reading[]): Promise<void> {
  const { peer } = gateway;
  if (step.kind === "commit") gateway.commitMany("gps/a", step.count);
  else if (step.kind === "repeat") gateway.copies = step.copies;
  else if (step.kind === "replay") {
    const replayed = gateway.committed.slice(-step.from - 1);
    for (const id of peer.filters.keys()) if (replayed.length > 0) gateway.push(peer, id, replayed);
  } else if (step.kind === "heartbeat") {
    if (peer.filters.size === 2) peer.send({ type: "heartbeat", cursor: gateway.cursor() });
  } else if (step.kind === "lose frames") peer.isMute = true;
  else if (step.kind === "drop") peer.drop();
  else if (!peer.isMute) await until(() => got.length === gateway.head || peer.filters.size === 0);
}

// Frames are lost only together with the connection that carried them, as TCP has it.
test("whatever is lost with a connection or sent twice, each reading comes once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 25 }),
      fc.constantFrom("msgpack" as const, "json" as const),
      async (steps, protocol) => {
        const gateway = await Gateway.start();
        const fieldcast = open(gateway, { protocol });
        try {
          const called: Reading[] = [];
          fieldcast.subscribe("gps/#", { from: { cursor: "e1:0" } }, (reading) => called.push(reading));
          const subscription = fieldcast.subscribe("gps/#", {
            from: { cursor: "e1:0" },
            maxQueuedReadings: 7,
          });
          const iterated: Reading[] = [];
          const iterating = (async () => {
            for await (const reading of subscription) iterated.push(reading);
          })();
          await until(() => gateway.peers.length > 0);
          for (const step of steps) await run(gateway, step, called);
          gateway.peer.drop();
          await until(() => called.length >= gateway.head && iterated.length >= gateway.head);
          fieldcast.close();
          await iterating;
          expect(seqs(called)).toEqual(range(1, gateway.head));
          expect(seqs(iterated)).toEqual(range(1, gateway.head));
        } finally {
          fieldcast.close();
          await gateway.stop();
        }
      },
    ),
    { numRuns: 60 },
  );
});
