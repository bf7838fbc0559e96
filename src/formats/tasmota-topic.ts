import { quote } from "./outcome.ts";

/** The prefixes of a FullTopic; the owner may put them first (the default), last, or before the device. */
const prefixes: ReadonlySet<string> = new Set(["tele", "stat", "cmnd"]);

/** The device that a topic names; null if it names none. */
export type DeviceOf = (topic: string) => string | null;

/** What a level of a FullTopic is. */
type Level =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "prefix" | "device" | "captured" | "rest" };

const placeholder = /^(?:%([^%]+)%|\{([^{}]+)\}|<([^<>]+)>|\$([A-Za-z_]\w*))$/;
const deviceNames: ReadonlySet<string> = new Set(["topic", "device"]);
const prefixNames: ReadonlySet<string> = new Set(["prefix", "prefix1", "prefix2", "prefix3"]);

/**
 * Makes the reader of devices' topics. `fullTopic` is the owner's FullTopic in Tasmota's notation (`home/%topic%/%prefix%/`)
 * or with levels to capture (`home/{room}/{plug}/tele/SENSOR`, `home/+/+/tele`): the device is `%topic%`, else what is
 * captured. Without one, and for topics that do not fit it, the device is every level but the prefix and the message's name.
 * @throws Error that begins with `topicPattern` when no level of it names the device
 */
export function createDeviceOf(fullTopic: string | undefined): DeviceOf {
  if (fullTopic === undefined) return deviceByPrefix;
  const pattern = fullTopic.replace(/\/$/, "").split("/").map(readLevel);
  if (!pattern.some(({ kind }) => kind === "device" || kind === "captured" || kind === "rest")) {
    throw new Error(
      `topicPattern: ${quote(fullTopic)} does not say where the device stands; write a FullTopic such as home/%topic%/%prefix%/`,
    );
  }
  return (topic) => deviceByPattern(topic.split("/"), pattern) ?? deviceByPrefix(topic);
}

function readLevel(text: string): Level {
  if (text === "+") return { kind: "captured" };
  if (text === "#") return { kind: "rest" };
  const match = placeholder.exec(text);
  if (match === null) return { kind: "text", text };
  const name = (match[1] ?? match[2] ?? match[3] ?? match[4] ?? "").toLowerCase();
  if (prefixNames.has(name)) return { kind: "prefix" };
  return { kind: deviceNames.has(name) ? "device" : "captured" };
}

/** A FullTopic ends before the message's name; some write it nevertheless. */
function deviceByPattern(levels: readonly string[], pattern: readonly Level[]): string | null {
  const isOpen = pattern.at(-1)?.kind === "rest";
  const fixed = isOpen ? pattern.slice(0, -1) : pattern;
  const extra = levels.length - fixed.length;
  if (extra < 0 || (extra > 1 && !isOpen)) return null;
  const device: string[] = [];
  const captured: string[] = [];
  for (const [at, level] of fixed.entries()) {
    const text = levels[at] as string;
    const isName = at === levels.length - 1;
    if (level.kind === "text") {
      if (level.text !== text && !prefixes.has(level.text)) return null;
    } else if (level.kind === "device") device.push(text);
    else if (level.kind === "captured" && !isName && !prefixes.has(text)) captured.push(text);
  }
  return (device.length > 0 ? device : captured).join("/") || null;
}

/** Every level but the prefix and the last, null if nothing is left. */
function deviceByPrefix(topic: string): string | null {
  const first = topic.indexOf("/");
  const last = topic.lastIndexOf("/");
  if (prefixes.has(topic.slice(0, first))) return last > first + 1 ? topic.slice(first + 1, last) : null;
  for (let end = last; end > 0; ) {
    const start = topic.lastIndexOf("/", end - 1) + 1;
    if (prefixes.has(topic.slice(start, end)))
      return topic.slice(0, start - 1) + topic.slice(end, last) || null;
    end = start - 1;
  }
  return last > 0 ? topic.slice(0, last) : null;
}
