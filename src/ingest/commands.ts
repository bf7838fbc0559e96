import type { Clock } from "../model/clock.ts";
import type { Command, CommandOutcome } from "../model/command.ts";
import { matchesFilter } from "../model/filter.ts";
import type { Packet } from "../model/packet.ts";
import { domains, isoTime } from "../model/reading.ts";

/** Largest answer that is handed on, in bytes. No JSON of this size breaks the limits with which clients decode. */
const maxAnswerBytes = 16_384;

/** Longest explanation of a device that is handed on, in characters. */
const maxErrorChars = 1_000;

const commandRoot = "command/";
const answerRoot = "answer/";
const commandTopics = new RegExp(`^(?:${commandRoot}|${answerRoot})(?:${domains.join("|")})/`);

/** True for the topics of commands and their answers (COMMANDS.md): what is published there is the gateway's own business. */
export function isCommandTopic(topic: string): boolean {
  return (topic.startsWith(commandRoot) || topic.startsWith(answerRoot)) && commandTopics.test(topic);
}

/**
 * True if `filter` was made to listen to the command topic `topic`. `#` and `+/…` were not, just as they do not match topics
 * that begin with `$` (MQTT 3.1.1, 4.7.2).
 */
export function listensForCommands(filter: string, topic: string): boolean {
  return filter.startsWith(commandRoot) && matchesFilter(filter, topic);
}

export interface CommandSettings {
  /** Filters of the topics that commands may go to; an empty list allows none. */
  readonly allow: readonly string[];
  /** How long a device may take to answer where the request says nothing. */
  readonly timeoutMs: number;
  /** Commands that wait for their answer; one more is refused. */
  readonly maxInflight: number;
}

export interface CommandParts {
  readonly settings: CommandSettings;
  readonly clock: Clock;
  /** Makes a correlation id that nobody can guess. */
  readonly newId: () => string;
  /** Hands a message to the clients that listen now; resolves to how many those are. */
  readonly deliver: (topic: string, payload: string) => Promise<number>;
  /** The JSON object in a payload: null if it is empty, a reason if it is not one. */
  readonly readJsonObject: (payload: Uint8Array) => JsonObject | string | null;
  readonly quarantine: (packet: Packet, reason: string) => Promise<void> | null;
}

/** What became of commands; only grows. */
export interface CommandCounts {
  /** Handed to a device. */
  sent: number;
  /** Carried out, says the device. */
  answered: number;
  /** Refused by the device, or its answer was too large. */
  failed: number;
  /** Sent, and no answer came in time. */
  unanswered: number;
  notConnected: number;
  notAllowed: number;
  /** Refused because too many waited. */
  tooMany: number;
  /** Answers that nobody waited for: too late, a second one, from another device's topic. */
  ignoredAnswers: number;
}

interface Waiting {
  readonly answerTo: string;
  readonly timer: NodeJS.Timeout;
  readonly settle: (outcome: CommandOutcome) => void;
}

interface JsonObject {
  readonly [name: string]: unknown;
}

interface Answer {
  readonly id: string;
  readonly outcome: CommandOutcome;
}

/** Sends commands to devices and matches their answers, as COMMANDS.md beside this file says. */
export class Commands {
  readonly counts: CommandCounts = {
    sent: 0,
    answered: 0,
    failed: 0,
    unanswered: 0,
    notConnected: 0,
    notAllowed: 0,
    tooMany: 0,
    ignoredAnswers: 0,
  };
  readonly #parts: CommandParts;
  /** By correlation id. */
  readonly #waiting = new Map<string, Waiting>();

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  /** Sends a command once and resolves to what came of it; it never rejects. */
  readonly send = async (command: Command): Promise<CommandOutcome> => {
    const { settings, newId } = this.#parts;
    const { topic, timeoutMs = settings.timeoutMs } = command;
    if (!settings.allow.some((filter) => matchesFilter(filter, topic))) {
      this.counts.notAllowed++;
      return { code: "not-allowed", problem: `commands to ${topic} are not allowed here` };
    }
    if (this.#waiting.size >= settings.maxInflight) {
      this.counts.tooMany++;
      const problem = `${settings.maxInflight} commands wait for their answers, the most that this gateway has under way`;
      return { code: "too-many-commands", problem };
    }
    const id = newId();
    const outcome = this.#expect(id, topic, timeoutMs);
    this.#deliver(id, command, timeoutMs);
    return outcome;
  };

  /** Takes what a client published to one of the command topics; resolves as the pipeline's `ingest`. */
  take(packet: Packet): Promise<void> | null {
    const { quarantine, readJsonObject } = this.#parts;
    if (packet.topic.startsWith(commandRoot)) return quarantine(packet, forged);
    const json = readJsonObject(packet.payload);
    const answer = json === null || typeof json === "string" ? json : readAnswer(json, packet.payload.length);
    if (typeof answer === "string") return quarantine(packet, answer);
    if (answer !== null && this.#waiting.get(answer.id)?.answerTo === packet.topic) {
      this.counts["result" in answer.outcome ? "answered" : "failed"]++;
      this.#settle(answer.id, answer.outcome);
    } else this.counts.ignoredAnswers++;
    return null;
  }

  /** Gives up what waits: the gateway is going down. */
  close(): void {
    for (const id of [...this.#waiting.keys()]) this.#giveUp(id, "the gateway went down before it answered");
  }

  #expect(id: string, topic: string, timeoutMs: number): Promise<CommandOutcome> {
    return new Promise((settle) => {
      const giveUp = () => this.#giveUp(id, `${topic} did not answer within ${timeoutMs} ms`);
      const timer = setTimeout(giveUp, timeoutMs).unref();
      this.#waiting.set(id, { answerTo: `${answerRoot}${topic}`, timer, settle });
    });
  }

  #deliver(id: string, { topic, command, params = {} }: Command, timeoutMs: number): void {
    const { clock, deliver } = this.#parts;
    const answerTo = `${answerRoot}${topic}`;
    const expiresAt = isoTime(clock.now() + timeoutMs);
    const payload = JSON.stringify({ id, command, params, answerTo, expiresAt });
    const refuse = (problem: string) => {
      this.counts.notConnected++;
      this.#settle(id, { code: "not-connected", problem });
    };
    deliver(`${commandRoot}${topic}`, payload).then(
      (listeners) => {
        if (listeners === 0) refuse(`no connected device listens to ${commandRoot}${topic}`);
        else this.counts.sent++;
      },
      (error: unknown) => refuse(`the command could not be sent: ${String(error)}`),
    );
  }

  #giveUp(id: string, problem: string): void {
    this.counts.unanswered++;
    this.#settle(id, { code: "no-answer", problem });
  }

  #settle(id: string, outcome: CommandOutcome): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.settle(outcome);
  }
}

const forged =
  "only the gateway publishes commands; a dashboard sends them over the stream, and a device subscribes here";

const answerForm = 'send {"id":"…","ok":true,"result":…} or {"id":"…","ok":false,"error":"why"}';

function readAnswer({ id, ok, result = null, error }: JsonObject, bytes: number): Answer | string {
  if (typeof id !== "string") return `the answer has no \`id\`: ${answerForm}`;
  if (typeof ok !== "boolean") return `\`ok\` is neither true nor false: ${answerForm}`;
  if (!ok) return { id, outcome: { code: "command-failed", problem: explanation(error) } };
  if (bytes <= maxAnswerBytes) return { id, outcome: { result } };
  const problem = `the device did it, but its answer has ${bytes} bytes; at most ${maxAnswerBytes} are taken`;
  return { id, outcome: { code: "command-failed", problem } };
}

function explanation(error: unknown): string {
  if (typeof error !== "string" || error === "") return "the device said no and gave no reason";
  return error.length <= maxErrorChars ? error : `${error.slice(0, maxErrorChars)}…`;
}
