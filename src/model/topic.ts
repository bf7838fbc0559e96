import type { Reading } from "./reading.ts";

/** Longest topic in UTF-8 bytes, the limit that MQTT's two-byte length prefix sets (MQTT 3.1.1, 1.5.3). */
export const maxTopicBytes = 65_535;

// Wildcards and control characters would make a topic that no MQTT filter can name; `%` keeps the escape reversible.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const unsafeInTopic = /[+#%\u0000-\u001f\u007f-\u009f]/g;

/** The topic a reading goes to: `domain/device[/channel]`, ids percent-encoded where MQTT forbids a character. */
export function topicOf(reading: Pick<Reading, "domain" | "device" | "channel">): string {
  const base = `${reading.domain}/${escapeId(reading.device)}`;
  return reading.channel === undefined ? base : `${base}/${escapeId(reading.channel)}`;
}

function escapeId(id: string): string {
  return id.replace(unsafeInTopic, encodeURIComponent);
}
