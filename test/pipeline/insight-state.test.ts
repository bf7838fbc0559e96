import { setImmediate as nextTurn } from "node:timers/promises";
import { deserialize, serialize } from "node:v8";
import { describe, expect, it } from "vitest";
import {
  decodeSaved,
  decodeState,
  encodeState,
  encodeStateInTurns,
} from "../../src/pipeline/insight-state.ts";

const shared = { of: "two" };
const states: readonly (readonly [string, unknown])[] = [
  [
    "a Map",
    new Map<string, unknown>([
      ["a", { n: 1 }],
      ["b", new Map([[1, new Set(["x"])]])],
      ["c", null],
    ]),
  ],
  ["an empty Map", new Map()],
  [
    "an object with Maps and more",
    { one: new Map([["a", 1]]), none: new Map(), since: 5, list: [new Map([[1, 2]])] },
  ],
  ["an object without a Map", { since: null, names: new Set(["a"]) }],
  ["null", null],
  ["a list", [1, "two", new Map([["three", 3]])]],
];

/** What a gateway does beside it until `work` is done: turns of its event loop. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let isDone = false;
  let turns = 0;
  const done = work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await nextTurn();
    turns++;
  }
  await done;
  return turns;
}

describe("an insight's saved state", () => {
  it.each(states)("%s comes back as it was, saved at once or in turns", async (_what, state) => {
    expect(decodeState(encodeState(3, state, "settings"), 3)).toEqual(state);
    const bytes = await encodeStateInTurns(3, state, "settings");
    expect(decodeSaved(bytes)).toEqual({ version: 3, state, settings: "settings" });
    expect(decodeState(bytes, 4)).toBeUndefined();
  });

  it("keeps one thing one that several entries refer to, and one entry to another", () => {
    const owner = { name: "owner" };
    const state = {
      things: new Map<string, unknown>([
        ["a", shared],
        ["b", { shared, owner }],
      ]),
      owners: new Map([["o", owner]]),
    };
    const back = decodeState(encodeState(1, state), 1) as typeof state;
    const b = back.things.get("b") as { shared: unknown; owner: unknown };
    expect(b.shared).toBe(back.things.get("a"));
    expect(b.owner).toBe(back.owners.get("o"));
  });

  it("is read as earlier versions saved it", () => {
    const state = new Map([["a", 1]]);
    expect(decodeSaved(serialize({ version: 2, state, settings: "s" }))).toEqual({
      version: 2,
      state,
      settings: "s",
    });
    expect(decodeSaved(serialize({ version: null, state: null }))).toEqual({ version: null, state: null });
  });

  it("is of another form to earlier versions, not damaged and not empty", () => {
    expect(deserialize(encodeState(2, new Map([["a", 1]])))).not.toHaveProperty("version");
  });

  it("gives way to everything else while it is written, however large it is", async () => {
    const entry = () => ({
      fixes: Array.from({ length: 200 }, (_, index) => ({ time: index, lat: index / 7 })),
    });
    const state = {
      vehicles: new Map(Array.from({ length: 1_500 }, (_, index) => [`bus-${index}`, entry()])),
    };
    const writing = encodeStateInTurns(1, state, "");
    const turns = await turnsDuring(writing);
    expect((await writing).length).toBeGreaterThan(4_000_000);
    expect(turns).toBeGreaterThan(5);
    expect(decodeState(await writing, 1)).toEqual(state);
  });

  it.each([
    ["bytes of something else", new Uint8Array([1, 2, 3])],
    ["nothing", new Uint8Array(0)],
    ["a state that was cut off", encodeState(1, new Map([["a", "b".repeat(99)]])).subarray(0, 90)],
    ["a value that is no state", serialize("text")],
  ])("of %s it throws", (_what, bytes) => {
    expect(() => decodeSaved(bytes)).toThrow();
  });
});
