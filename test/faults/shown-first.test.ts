import { it } from "vitest";
import { GatewayProcess } from "../support/gateway-process.ts";
import { Fleet, Follower, readiness, readLog, until } from "./fleet.ts";
import { repeated } from "./soak.ts";

it.for([
  { name: "with the defaults", settings: [] },
  { name: "without a batch window", settings: ["stream.batchMs=0"] },
])(
  "kill -9 $name: who saw what was not stored yet is told, and all else comes once and in order",
  ({ settings }, context) =>
    repeated(async ({ expect, onTestFinished }) => {
      const gateway = new GatewayProcess(settings);
      onTestFinished(() => gateway.dispose());
      await gateway.start();
      const follower = new Follower(gateway, (await readiness(gateway)).epoch);
      onTestFinished(() => follower.close());
      const fleet = new Fleet(gateway, 0);
      onTestFinished(() => fleet.close());
      await follower.more(50);
      await gateway.kill();
      await gateway.start();
      await follower.more(50);
      // A restart that was asked for takes nothing back.
      const gapsAtKill = follower.gaps.length;
      expect(await gateway.stop()).toBe(0);
      await gateway.start();
      await follower.more(50);
      expect(follower.gaps.length).toBe(gapsAtKill);
      fleet.stop();
      await until("the follower is at the head", async () => {
        const { head } = await readiness(gateway);
        return follower.seqs.at(-1) === head;
      });
      const stored = await readLog(gateway, (await readiness(gateway)).epoch);
      expect([...stored.keys()]).toEqual([...stored.keys()].map((_, index) => index + 1));
      expect(follower.gaps.map(({ reason }) => reason)).toEqual(gapsAtKill === 0 ? [] : ["ahead"]);
      const at = follower.gapsAt[0] ?? follower.seqs.length;
      const begin = follower.seqs[at] ?? at + 1;
      const kept = follower.numbers.slice(0, begin - 1);
      expect([...kept, ...follower.numbers.slice(at)]).toEqual([...stored.values()]);
      expect(await gateway.stop()).toBe(0);
    })(context),
);
