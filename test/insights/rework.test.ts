import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Course, Rework, type Track } from "../../src/insights/rework.ts";
import type { Values } from "../../src/model/reading.ts";
import { decodeState, encodeState } from "../../src/pipeline/insight-state.ts";

interface Item {
  readonly time: number;
  readonly level: number;
}
interface Fold {
  level: number;
  rises: number;
}

/** Tells when the level changes, under a name for each level, and one that is told at every tenth moment. */
const course: Course<Item, Fold> = {
  start: () => ({ level: -1, rises: 0 }),
  step(fold, { time, level }, tell) {
    if (level > fold.level) fold.rises++;
    if (level !== fold.level) {
      tell("level", time, { level, rises: fold.rises });
      tell(`level-${level}`, time, { since: time });
    }
    fold.level = level;
    if (time % 10 === 0) tell("count", time, { rises: fold.rises });
  },
  close: (fold, tell) => tell("level", 1_000, { level: null, rises: fold.rises }),
};

type Shown = Map<string, Map<number, Values>>;

function recorder() {
  const shown: Shown = new Map();
  const tell = (name: string, time: number, values: Values) => {
    const times = shown.get(name) ?? new Map<number, Values>();
    shown.set(name, times.set(time, values));
  };
  return { shown, tell };
}

/** What each name shows at a time: what was told for the newest time up to then. */
function shownAt(shown: Shown, name: string, time: number): Values | null {
  let found: { time: number; values: Values } | null = null;
  for (const [told, values] of shown.get(name) ?? []) {
    if (told <= time && (found === null || told > found.time)) found = { time: told, values };
  }
  return found && Object.values(found.values).every((value) => value === null)
    ? null
    : (found?.values ?? null);
}

const items = fc
  .uniqueArray(fc.record({ time: fc.integer({ min: 1, max: 99 }), level: fc.nat(3) }), {
    selector: ({ time }) => time,
    maxLength: 40,
  })
  .map((list) => list.sort((one, other) => one.time - other.time));

/** Each item may come up to `late` places later. */
function shuffle(list: readonly Item[], places: readonly number[]): Item[] {
  return list
    .map((item, index) => ({ item, place: index + (places[index % places.length] ?? 0) }))
    .sort((one, other) => one.place - other.place)
    .map(({ item }) => item);
}

describe("Rework", () => {
  const places = fc.array(fc.nat(6), { minLength: 1, maxLength: 40 });
  const restarts = fc.array(fc.nat(40), { maxLength: 4 });

  function run(list: readonly Item[], closes: boolean, restartAt: readonly number[] = []) {
    const { shown, tell } = recorder();
    let rework = new Rework(course, 16);
    let track = rework.newTrack();
    for (const [index, item] of list.entries()) {
      if (restartAt.includes(index)) {
        track = decodeState(encodeState(1, track), 1) as Track<Item, Fold>;
        rework = new Rework(course, 16);
      }
      rework.take(track, item, tell);
      if (closes && index % 7 === 3) rework.close(track, tell);
    }
    if (closes) rework.close(track, tell);
    return { shown, track };
  }

  it("shows the same for every time in the end, whatever the order, with duplicates, pauses and restarts", () => {
    fc.assert(
      fc.property(items, places, restarts, fc.boolean(), (list, places, restartAt, closes) => {
        const inOrder = recorder();
        const plain = new Rework(course, 1_000);
        const track = plain.newTrack();
        for (const item of list) plain.take(track, item, inOrder.tell);
        if (closes) plain.close(track, inOrder.tell);
        const mixed = shuffle(list, places);
        const { shown } = run([...mixed.flatMap((item) => [item, item])], closes, restartAt);
        const names = new Set([...shown.keys(), ...inOrder.shown.keys()]);
        const times = [1_000, ...list.map(({ time }) => time)];
        for (const name of names) {
          for (const time of times)
            expect(shownAt(shown, name, time)).toEqual(shownAt(inOrder.shown, name, time));
        }
      }),
    );
  });

  it("keeps a bounded number of observations, and of words about them", () => {
    const { track } = run(
      Array.from({ length: 5_000 }, (_, time) => ({ time, level: time % 200 })),
      false,
    );
    expect(track.items.length).toBeLessThanOrEqual(16 + 4);
    expect(track.told.size).toBeLessThanOrEqual(16);
    for (const list of track.told.values()) expect(list.length).toBeLessThanOrEqual(2 * 16 + 2);
  });

  it("keeps no more when much comes late behind something newer", () => {
    // What follows from the newest has a time that depends on the one before: every late one takes it back.
    const silent: Course<Item, Fold> = {
      ...course,
      step(fold, { time, level }, tell) {
        if (time > fold.level + 1_000) tell("level", fold.level + 1_000, { level, rises: fold.level });
        fold.level = time;
      },
    };
    const { shown, tell } = recorder();
    const rework = new Rework(silent, 8);
    const track = rework.newTrack();
    rework.take(track, { time: 1_000_000, level: 1 }, tell);
    for (let time = 1; time <= 1_000; time++) rework.take(track, { time, level: 0 }, tell);
    expect(track.told.get("level")?.length).toBeLessThanOrEqual(8 * 8);
    expect(track.items).toHaveLength(8);
    expect(shownAt(shown, "level", 2_000)).toEqual({ level: 1, rises: 1_000 });
  });

  it("ignores what is later than all that is kept, and what comes twice", () => {
    const { shown, tell } = recorder();
    const rework = new Rework(course, 4);
    const track = rework.newTrack();
    for (let time = 1; time <= 9; time++) rework.take(track, { time, level: 1 }, tell);
    const before = structuredClone({ shown, track });
    expect(rework.take(track, { time: 3, level: 2 }, tell)).toBe(false);
    expect(rework.take(track, { time: 9, level: 1 }, tell)).toBe(false);
    expect({ shown, track }).toEqual(before);
  });

  it("tells after a start what another course finds, however long it has been so by what is kept", () => {
    /** Tells each of the names once. */
    const naming = (names: readonly string[]): Course<Item, { told: string[] }> => ({
      start: () => ({ told: [] }),
      step({ told }, { time }, tell) {
        for (const name of names.filter((one) => !told.includes(one))) {
          told.push(name);
          tell(name, time, { since: time });
        }
      },
    });
    for (let count = 1; count <= 12; count++) {
      const before = new Rework(naming(["a"]), 4);
      const track = before.newTrack();
      const { shown, tell } = recorder();
      for (let time = 1; time <= count; time++) before.take(track, { time, level: 0 }, tell);
      const after = new Rework(naming(["a", "b"]), 4);
      const saved = decodeState(encodeState(1, track), 1) as typeof track;
      // Somebody may look before the next one comes.
      after.head(saved);
      after.take(saved, { time: 20, level: 0 }, tell);
      expect([...(shown.get("a")?.keys() ?? [])]).toEqual([1]);
      expect([...(shown.get("b")?.keys() ?? [])]).toEqual([20]);
    }
  });
});
