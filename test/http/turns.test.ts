import { expect, it } from "vitest";
import { Turns } from "../../src/http/turns.ts";

it("lets the event loop come round between two slices, whoever's they are", async () => {
  const turns = new Turns();
  let round = 0;
  let isOver = false;
  const count = () => {
    round++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const rounds: number[] = [];
  const answer = async () => {
    for (let slice = 0; slice < 20; slice++) {
      await turns.next();
      rounds.push(round);
    }
  };
  await Promise.all([answer(), answer(), answer()]);
  isOver = true;
  expect(rounds).toHaveLength(60);
  expect(new Set(rounds).size).toBe(60);
});
