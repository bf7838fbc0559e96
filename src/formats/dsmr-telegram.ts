import type { Reading, Values } from "../model/reading.ts";
import { isHostileName } from "./json-payload.ts";
import { makeReading, quote } from "./outcome.ts";
import { maxTelegramChars, readP1Lines } from "./p1-lines.ts";
import { checkObserved, observedAt, parseTime } from "./time.ts";
import type { TimeZone } from "./timezone.ts";

/** The channel of what the meter measures as a whole. */
export const totalChannel = "total";

const crcTable = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  return crc;
});

/** CRC-16 with polynomial x16+x15+x2+1, reflected, start 0, as DSMR 5.0.2 P1, chapter 5.2 has it. Of ASCII text. */
export function crc16(text: string): number {
  let crc = 0;
  for (let at = 0; at < text.length; at++) {
    crc = (crc >>> 8) ^ (crcTable[(crc ^ text.charCodeAt(at)) & 0xff] as number);
  }
  return crc;
}

/** A telegram from `/` to `!`, and its checksum: "" where the meter sends none (before DSMR 4). */
interface Telegram {
  readonly body: string;
  readonly checksum: string;
}

/** From DSMR 4 on a telegram tells its version (Belgium's in a line of its own), and has a checksum. */
const versionLine = /^(?:1-3:0\.2\.8|0-0:96\.1\.4)\(/m;
const timeLine = /^0-0:1\.0\.0\(([^()]*)\)/m;
/** The meter's equipment id: the Netherlands' and Belgium's, Hungary's and Norway's, Luxembourg's. */
const idLines = [/^0-0:96\.1\.1\(([^()]*)\)/m, /^0-0:96\.1\.0\(([^()]*)\)/m, /^0-0:42\.0\.0\(([^()]*)\)/m];

/**
 * Reads a whole P1 telegram: one reading per channel, or reasons. `fallbackDevice` names a meter that does not tell its
 * equipment id.
 */
export function readTelegram(
  text: string,
  fallbackDevice: string,
  receivedAt: number,
  zone: TimeZone | null,
): (Reading | string)[] {
  const telegram = cutTelegram(text);
  if (typeof telegram === "string") return [telegram];
  const device = equipmentId(telegram.body) ?? fallbackDevice;
  if (isHostileName(device)) return [`equipment id: ${quote(device)} is a reserved name`];
  const time = telegramTime(telegram.body, receivedAt, zone) ?? receivedAt;
  if (typeof time === "string") return [time];
  const channels = new Map<string, Values>();
  const results: (Reading | string)[] = readP1Lines(telegram.body, "telegram", device, new Map(), channels);
  for (const [channel, values] of channels) {
    results.push(makeReading("energy", device, channel === "" ? totalChannel : channel, time, values));
  }
  return results;
}

function cutTelegram(text: string): Telegram | string {
  if (text.length > maxTelegramChars)
    return `payload: ${text.length} characters; send one telegram a message`;
  const start = text.indexOf("/");
  const end = text.indexOf("\n!", start) + 1;
  if (start === -1 || end === 0 || text.slice(0, start).trim() !== "") {
    return "payload: not a whole telegram; it begins with `/` and ends with `!` and a checksum";
  }
  const telegram = { body: text.slice(start, end + 1), checksum: text.slice(end + 1).trim() };
  return checksumProblem(telegram) ?? telegram;
}

function checksumProblem({ body, checksum }: Telegram): string | null {
  if (checksum === "") {
    return versionLine.test(body) ? "checksum: missing behind `!`; the telegram was cut off" : null;
  }
  if (!/^[0-9A-Fa-f]{4}$/.test(checksum))
    return `checksum: ${quote(checksum)} is not four hexadecimal digits`;
  const expected = Number.parseInt(checksum, 16);
  const actual = crc16(body);
  if (actual === expected) return null;
  // Some loggers keep only the line feeds of what the meter summed with CR LF.
  if (!body.includes("\r") && crc16(body.replaceAll("\n", "\r\n")) === expected) return null;
  const hex = actual.toString(16).toUpperCase().padStart(4, "0");
  return `checksum: ${quote(checksum)} is not that of the telegram, ${hex}; check the serial line`;
}

/** The meter's equipment id, hexadecimal ASCII on the wire; undefined if there is none. */
function equipmentId(body: string): string | undefined {
  let raw = "";
  for (const line of idLines) raw ||= line.exec(body)?.[1] ?? "";
  if (!/^(?:[0-9A-Fa-f]{2}){1,48}$/.test(raw)) return undefined;
  const id = Buffer.from(raw, "hex").toString("latin1").trim();
  return /^[\x21-\x7e][\x20-\x7e]*$/.test(id) ? id : undefined;
}

const hourMs = 3_600_000;

/**
 * The time that a telegram (or a line of it) tells; null if it tells none, a reason if it is no good. `YYMMDDhhmmssX` in
 * local time; X is S for summer time and W for winter time, and so decides the repeated hour.
 */
export function telegramTime(
  body: string,
  receivedAt: number,
  zone: TimeZone | null,
): number | string | null {
  const raw = timeLine.exec(body)?.[1] ?? "";
  if (raw === "") return null;
  const path = "0-0:1.0.0";
  const match = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)([SW]?)$/.exec(raw);
  if (match === null) return `${path}: ${quote(raw)} is not a time; YYMMDDhhmmss with S or W is expected`;
  const [, year, month, day, hour, minute, second, season] = match;
  const local = `20${year}-${month}-${day}T${hour}:${minute}:${second}`;
  if (season === "") return observedAt(local, path, receivedAt, zone);
  const wallMs = parseTime(`${local}Z`, null, receivedAt);
  const offsetMs = winterOffsetMs(Number(year), zone) + (season === "S" ? hourMs : 0);
  return checkObserved(wallMs === null ? null : wallMs - offsetMs, raw, path, receivedAt);
}

/** East of UTC in winter: Central Europe's hour, unless the operator names another zone that has summer time. */
function winterOffsetMs(year: number, zone: TimeZone | null): number {
  if (zone === null) return hourMs;
  const january = Date.UTC(2000 + year, 0, 15);
  const july = Date.UTC(2000 + year, 6, 15);
  const winter = january - zone.toUtc(january, january);
  const summer = july - zone.toUtc(july, july);
  return winter === summer ? hourMs : Math.min(winter, summer);
}
