import { maxTextChars } from "./fields.ts";
import { isHostileName } from "./json-payload.ts";
import { quote } from "./outcome.ts";
import { hintsOf, type NameHints } from "./units.ts";

/** A resolved SenML name, taken apart. */
export interface SenmlName {
  readonly device: string;
  /** What follows the device, "" where nothing does. */
  readonly last: string;
  /** Where the last part says more than what is measured: the phase, the input, or the part itself. */
  readonly channel: string | undefined;
  readonly hints: NameHints;
}

/** RFC 8428, 4.5.1. */
const allowed = /^[A-Za-z0-9][A-Za-z0-9\-:./_]*$/;

/** RFC 9039: a device's URN without components. */
const deviceUrn = /^urn:dev:[^:/]+:[^:/]+$/;

/**
 * Takes base name and name apart, or says why they name nothing. The device is the resolved name without its last part;
 * where a record has no name of its own it is the base name, and a URN of a device (`urn:dev:mac:…`) is never cut, except
 * before the component that an underscore announces.
 */
export function parseSenmlName(baseName: string, name: string): SenmlName | string {
  const resolved = baseName + name;
  if (resolved === "") return "the name is empty; give the record an `n` or the pack a `bn`";
  if (resolved.length > maxTextChars) return `the name is longer than ${maxTextChars} characters`;
  if (!allowed.test(resolved))
    return `${quote(resolved)} has characters that RFC 8428 (4.5.1) does not allow in a name`;
  const [device, last] = split(trimEnd(baseName), trimEnd(resolved), name === "");
  if (device === "") return `${quote(resolved)} names no device`;
  if (device.split(/[:/]/).some(isHostileName) || isHostileName(last)) {
    return `${quote(resolved)} has a reserved name in it; rename the device`;
  }
  const hints = hintsOf(last);
  const channel = hints.channel ?? (hints.isPlain ? undefined : last);
  return { device, last, channel, hints };
}

function split(base: string, resolved: string, isBaseOnly: boolean): readonly [device: string, last: string] {
  if (isBaseOnly) return [resolved, ""];
  const cut = Math.max(resolved.lastIndexOf("/"), resolved.lastIndexOf(":"));
  if (base !== "" && cut <= base.length) return [base, withoutMark(resolved.slice(base.length))];
  if (deviceUrn.test(resolved)) {
    const component = resolved.indexOf("_");
    return component === -1 ? [resolved, ""] : [resolved.slice(0, component), resolved.slice(component + 1)];
  }
  return cut === -1 ? [resolved, ""] : [trimEnd(resolved.slice(0, cut)), resolved.slice(cut + 1)];
}

function withoutMark(part: string): string {
  return part.replace(/^[_:/.-]+/, "");
}

function trimEnd(name: string): string {
  return name.replace(/[:/]+$/, "");
}
