import { derivedDomains, domains, type Reading } from "./reading.ts";

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

/** What a topic is made of, ids as their format gave them. */
export interface TopicParts {
  /** The first level. */
  readonly domain: string;
  readonly device: string;
  /** Undefined if the reading has none. */
  readonly channel: string | undefined;
  /** Domain and device, which name the device among those of all domains: `gps/van-7`. */
  readonly deviceKey: string;
}

/**
 * Undoes `topicOf`.
 * @param channelAt characters of `topic` ahead of the slash before the channel (`channelStart`); absent if it has none
 */
export function topicParts(topic: string, channelAt = topic.length): TopicParts {
  const [domain = ""] = topic.split("/", 1);
  const channel = channelAt < topic.length ? unescapeId(topic.slice(channelAt + 1)) : undefined;
  const device = unescapeId(topic.slice(domain.length + 1, channelAt));
  return { domain, device, channel, deviceKey: `${domain}/${device}` };
}

/** Characters of the reading's topic ahead of the slash before `channel`, which the topic alone cannot tell. */
export function channelStart(topic: string, channel: string): number {
  return topic.length - escapeId(channel).length - 1;
}

const readingLevels: ReadonlySet<string> = new Set([...domains, ...derivedDomains]);

/** True if the first level of `topic` (or of a filter) is one under which readings stand. */
export function isReadingTopic(topic: string): boolean {
  const slashAt = topic.indexOf("/");
  return readingLevels.has(slashAt < 0 ? topic : topic.slice(0, slashAt));
}

function escapeId(id: string): string {
  return id.replace(unsafeInTopic, encodeURIComponent);
}

function unescapeId(id: string): string {
  return id.includes("%") ? decodeURIComponent(id) : id;
}
