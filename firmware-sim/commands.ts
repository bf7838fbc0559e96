/** A command as the gateway sends it (src/ingest/COMMANDS.md). */
export interface ReceivedCommand {
  readonly id: string;
  readonly command: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly answerTo: string;
  /** Nobody waits for the answer after this, epoch milliseconds. */
  readonly expiresAt: number;
}

/** What a device answers; the gateway wants the command's `id` beside it. */
export type Answer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: string };

/** Devices that do what they are told. */
export interface CommandTakers {
  /** The topic of the device's readings; its commands come to `command/` and this. */
  topicOf(device: string): string;
  /** Lets the device carry out a command; null if it is too late for it. */
  carryOut(device: string, command: ReceivedCommand): Answer | null;
}

/** Reads a command; null for anything else. */
export function readCommand(payload: Uint8Array): ReceivedCommand | null {
  let message: unknown;
  try {
    message = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return null;
  }
  if (typeof message !== "object" || message === null) return null;
  const { id, command, params, answerTo, expiresAt } = message as Readonly<Record<string, unknown>>;
  const texts = [id, command, answerTo, expiresAt];
  if (texts.some((text) => typeof text !== "string") || typeof params !== "object" || params === null) {
    return null;
  }
  return {
    id: id as string,
    command: command as string,
    params: params as ReceivedCommand["params"],
    answerTo: answerTo as string,
    expiresAt: Date.parse(expiresAt as string),
  };
}
