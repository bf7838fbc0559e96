import type { Reading, Values } from "../model/reading.ts";
import { BoundedMap, declareLimit } from "./bounded.ts";
import { telegramTime } from "./dsmr-telegram.ts";
import { makeReading } from "./outcome.ts";
import { type Flow, maxTelegramChars, readP1Lines } from "./p1-lines.ts";
import type { TimeZone } from "./timezone.ts";

/** Most meters (and phases of them) whose power is remembered; the oldest is forgotten first. */
const flowLimit = declareLimit("p1-flows", 10_000);

/** Most meters whose telegram's time is remembered; the oldest is forgotten first. */
const meterLimit = declareLimit("p1-meters", 1_000);

/** How long a telegram's time holds for the lines that follow it; a meter sends a telegram in a second. */
const maxTelegramMs = 10_000;

/** When a telegram was made, and when that line of it came. */
interface TelegramTime {
  readonly observed: number;
  readonly receivedAt: number;
}

/** Reads telegram lines of one meter into readings or reasons. `time` holds where the telegram has told none. */
export type P1Reader = (
  text: string,
  device: string,
  time: number,
  receivedAt: number,
) => (Reading | string)[];

/**
 * Makes a reader of DSMR P1 telegrams that come line by line. It remembers both directions of power, because they come in
 * lines (and so messages) of their own and our power is import minus export, and the telegram's time.
 */
export function createP1Reader(zone: TimeZone | null): P1Reader {
  const flows = new BoundedMap<string, Flow>(flowLimit);
  const times = new BoundedMap<string, TelegramTime>(meterLimit);
  return (text, device, time, receivedAt) => {
    if (text.length > maxTelegramChars) {
      return [`SerialReceived: ${text.length} characters; send one telegram line per message`];
    }
    const channels = new Map<string, Values>();
    const results: (Reading | string)[] = readP1Lines(text, "SerialReceived", device, flows, channels);
    const told = telegramTime(text, receivedAt, zone);
    if (typeof told === "string") {
      times.delete(device);
      results.push(`SerialReceived: ${told}`);
    } else if (told !== null) {
      times.set(device, { observed: told, receivedAt });
    }
    const observed = timeOf(times.get(device), receivedAt) ?? time;
    for (const [channel, values] of channels) {
      results.push(makeReading("energy", device, channel === "" ? undefined : channel, observed, values));
    }
    return results;
  };
}

function timeOf(told: TelegramTime | undefined, receivedAt: number): number | undefined {
  if (told === undefined) return undefined;
  const ageMs = receivedAt - told.receivedAt;
  return ageMs >= 0 && ageMs <= maxTelegramMs ? told.observed : undefined;
}
