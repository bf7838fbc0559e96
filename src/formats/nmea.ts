import type { Packet } from "../model/packet.ts";
import type { Reading } from "../model/reading.ts";
import { BoundedMap, declareLimit } from "./bounded.ts";
import type { Decode, Format, FormatSettings } from "./format.ts";
import { readPlainText } from "./json-payload.ts";
import { type Epoch, newEpoch, parseSentence } from "./nmea-sentence.ts";
import { nothing, outcomes, reject } from "./outcome.ts";
import { isNullIsland } from "./position.ts";
import { maxAheadMs, observedAt } from "./time.ts";
import { compileTopicPattern, type Layout, patternProblem } from "./topic-pattern.ts";

/** Most sentences in one message: an hour of a receiver that sends one a second. */
const maxSentences = 5_000;

/** Most devices whose clock is remembered; the one that was heard first is forgotten first. */
const deviceLimit = declareLimit("nmea-devices", 10_000);

const dayMs = 86_400_000;

const layout: Layout = {
  variables: new Map([["device", "id"]]),
  example: "boats/{device}/gps",
  hasTail: false,
};

/**
 * Raw NMEA 0183 sentences, one or many in a message. The device is the topic level before `nmea`, or what `topicPattern`
 * (`boats/{device}/gps`) says. Sentences of one
 * instant make one position. RMC and ZDA have a date; where a message has none, the day follows from the newest dated
 * message of the device, else it is that of the last such time of day before the receipt.
 */
export const nmea: Format = {
  name: "nmea",
  title: "NMEA 0183 sentences",
  topics: ["nmea/#", "#/nmea", "#/nmea/+"],
  create({ topicPattern }: FormatSettings) {
    return createDecoder(topicPattern);
  },
};

function createDecoder(pattern: string | undefined): Decode {
  const deviceIn = pattern === undefined ? deviceOf : patternDevice(pattern);
  /** How long after the observation a device's newest dated message came, in milliseconds. */
  const lags = new BoundedMap<string, number>(deviceLimit);
  return (packet) => {
    if (packet.payload.length === 0) return nothing;
    const payload = readPlainText(packet.payload);
    if (typeof payload === "string") return reject(payload);
    const device = deviceIn(packet.topic);
    if (device === null) return reject(patternProblem(packet.topic, pattern));
    if (device === "") return reject("topic: no device in it; send to <device>/nmea");
    // Some devices forget the line end between sentences.
    const lines = payload.text.split(/[\r\n]+|(?=[$!])/);
    if (lines.length > maxSentences) {
      return reject(`payload: ${lines.length} sentences; send at most ${maxSentences} in one message`);
    }
    const results: (Reading | string)[] = [];
    const epochs = readEpochs(lines, results);
    const anchor = epochs.find((epoch) => epoch.day !== undefined && epoch.timeOfDay !== undefined);
    const lag = lags.get(device);
    const near = anchor === undefined ? expectedTime(packet, lag) : timeOf(anchor, 0);
    for (const epoch of epochs) {
      const result = readPosition(packet, device, epoch, near);
      if (result !== null) results.push(result);
      if (anchor === epoch && result !== null && typeof result !== "string") {
        lags.set(device, packet.receivedAt - result.time);
      }
    }
    return outcomes(results);
  };
}

function patternDevice(pattern: string): (topic: string) => string | null {
  const read = compileTopicPattern(pattern, layout);
  return (topic) => read(topic)?.device ?? null;
}

/** The level before the last `nmea`; all other levels where none stands before it. */
function deviceOf(topic: string): string {
  const levels = topic.split("/");
  const at = levels.lastIndexOf("nmea");
  if (at > 0) return levels[at - 1] as string;
  return at === 0 ? levels.slice(1).join("/") : topic;
}

/** Reads the sentences; those without a time belong to the instant before them. Reasons go to `problems`. */
function readEpochs(lines: readonly string[], problems: (Reading | string)[]): Epoch[] {
  const epochs: Epoch[] = [];
  let current: Epoch | undefined;
  for (const [at, line] of lines.entries()) {
    const text = line.trim();
    // A leading backslash opens a TAG block (NMEA 0183 4.0): routing, no measurement.
    if (text === "" || text[0] === "\\") continue;
    const sentence = parseSentence(text);
    if (sentence === null) continue;
    if (typeof sentence === "string") {
      problems.push(`line ${at + 1}: ${sentence}`);
      continue;
    }
    const { timeOfDay } = sentence;
    const isNew = timeOfDay !== undefined && timeOfDay !== (current?.timeOfDay ?? timeOfDay);
    if (current === undefined || isNew) {
      current = newEpoch();
      epochs.push(current);
    }
    current.timeOfDay ??= timeOfDay;
    const problem = sentence.apply(current);
    if (problem !== null) problems.push(`line ${at + 1}: ${problem}`);
  }
  return epochs;
}

function readPosition(packet: Packet, device: string, epoch: Epoch, near: number): Reading | string | null {
  const { values } = epoch;
  if (epoch.isVoid || epoch.hasSatellites === false || values["lat"] === undefined || isNullIsland(values))
    return null;
  if (epoch.timeOfDay === undefined) return { domain: "gps", device, time: packet.receivedAt, values };
  const time = observedAt(timeOf(epoch, near), "time", packet.receivedAt, null);
  return typeof time === "string" ? time : { domain: "gps", device, time, values };
}

/** The instant of an epoch; without a date that day's which brings it closest to `near`. */
function timeOf(epoch: Epoch, near: number): number {
  const timeOfDay = epoch.timeOfDay as number;
  const day = epoch.day ?? Math.round((near - timeOfDay) / dayMs) * dayMs;
  return day + timeOfDay;
}

/** About when a message without a date was written: as late as the last dated one, else within the last day. */
function expectedTime(packet: Packet, lag: number | undefined): number {
  return lag === undefined ? packet.receivedAt + maxAheadMs - dayMs / 2 : packet.receivedAt - lag;
}
