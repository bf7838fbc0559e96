import type { TestContext } from "vitest";

/** Minutes that all of these tests shall take together, about; 0: each fault once. */
const soakMinutes = Number(process.env["FIELDCAST_SOAK_MINUTES"] ?? 0);
/** Whether this is a night's work. */
export const isSoak = soakMinutes > 0;
/** Of the first play; a soak goes on with the ones that follow, and begins elsewhere each time. */
const firstSeed = Number(process.env["FIELDCAST_FAULT_SEED"] ?? (isSoak ? Date.now() : 20_261_122));
/** There are six files, and two are played at a time. */
const turns = 3;
const endsAt = Date.now() + (soakMinutes * 60_000) / turns;

/** What a play has in hand. */
export interface Play extends Pick<TestContext, "expect"> {
  readonly seed: number;
  /** Called at the end of this play, the last first. */
  readonly onTestFinished: (clean: () => unknown) => void;
}

/** A test's body that is played once; in a soak again and again, with another seed each time. Tells the seed of one that fails. */
export function repeated(play: (hand: Play) => Promise<void>): (context: TestContext) => Promise<void> {
  return async ({ expect }) => {
    let seed = firstSeed;
    let plays = 0;
    do {
      await playOnce(play, expect, seed++);
      plays++;
    } while (Date.now() < endsAt);
    if (isSoak) console.info(`${expect.getState().currentTestName}: ${plays} plays from seed ${firstSeed}`);
  };
}

async function playOnce(
  play: (hand: Play) => Promise<void>,
  expect: Play["expect"],
  seed: number,
): Promise<void> {
  const cleaners: (() => unknown)[] = [];
  try {
    await play({ expect, seed, onTestFinished: (clean) => cleaners.push(clean) });
  } catch (error) {
    console.error(`failed with FIELDCAST_FAULT_SEED=${seed}`);
    throw error;
  } finally {
    for (const clean of cleaners.reverse()) await clean();
  }
}
