import type { Clock } from "../src/model/clock.ts";
import type { Fleet } from "./fleet.ts";
import type { Publisher } from "./publisher.ts";

export interface Simulation {
  /** Stops the fleet; nothing is published after it. */
  stop(): void;
}

/** After a longer pause (a laptop that slept) the fleet still moves on, but what it said then is left unsaid. */
const maxLateMs = 30_000;
/** One round of catching up; the next follows at once, after the sockets had their turn. */
const maxTicksPerRound = 2000;

/** Lets the fleet live in real time and publishes what it says. */
export function startSimulation(
  fleet: Fleet,
  publisher: Pick<Publisher, "publish">,
  clock: Clock,
): Simulation {
  let timer: NodeJS.Timeout;
  const round = (): void => {
    for (let ticks = 0; fleet.time + fleet.tickMs <= clock.now() && ticks < maxTicksPerRound; ticks++) {
      const messages = fleet.step();
      if (clock.now() - fleet.time > maxLateMs) continue;
      for (const message of messages) publisher.publish(message);
    }
    timer = setTimeout(round, Math.max(0, fleet.time + fleet.tickMs - clock.now()));
  };
  timer = setTimeout(round, fleet.tickMs);
  return { stop: () => clearTimeout(timer) };
}
