import type { Values } from "../../model/reading.ts";
import type { InsightRow } from "../insightrows.ts";
import { plainId } from "../topics.ts";
import { distanceWords, nameWords, valueWords } from "../words.ts";
import { instantIn, numberIn, textIn } from "./values.ts";

/** The worst first. */
export const severities = ["critical", "warning", "info"] as const;
export type Severity = (typeof severities)[number];

/** In the order in which they are shown. */
export const alertStates = ["firing", "acknowledged", "pending", "resolved"] as const;
export type AlertState = (typeof alertStates)[number];

/** Something that somebody should look at, of whatever made it. */
export interface Alert {
  readonly topic: string;
  readonly state: AlertState;
  readonly severity: Severity;
  readonly text: string;
  /** What it is about: a device's topic, a stretch of road. */
  readonly about: string;
  /** The value that began it, in words; "" if there is none, or when it is over. */
  readonly value: string;
  /** Epoch milliseconds. */
  readonly since: number;
  /** When it was over; null while it is not. */
  readonly endedAt: number | null;
  readonly acknowledgedBy: string | null;
  /** Its number for acknowledging; null where that is not told. */
  readonly id: number | null;
}

/** All alerts, by state, then severity, then the newest first. */
export function alertsOf(rows: Iterable<InsightRow>): Alert[] {
  const alerts: Alert[] = [];
  for (const row of rows) {
    const alert = alertOf(row);
    if (alert) alerts.push(alert);
  }
  return alerts.sort(
    (a, b) =>
      alertStates.indexOf(a.state) - alertStates.indexOf(b.state) ||
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      b.since - a.since ||
      (a.topic < b.topic ? -1 : 1),
  );
}

/** How many alerts fire that nobody has acknowledged, and the worst severity among them. */
export function firingOf(rows: Iterable<InsightRow>): { count: number; worst: Severity | null } {
  let count = 0;
  let worst: Severity | null = null;
  for (const row of rows) {
    const alert = alertOf(row);
    if (alert?.state !== "firing") continue;
    count++;
    const isWorse = worst === null || severities.indexOf(alert.severity) < severities.indexOf(worst);
    if (isWorse) worst = alert.severity;
  }
  return { count, worst };
}

function alertOf(row: InsightRow): Alert | null {
  const [, kind = "", ...rest] = row.topic.split("/");
  const state = alertStates.find((known) => known === row.values["state"]);
  if (!state || (kind === "jam" && isToldElsewhere(row))) return null;
  const { values, attrs, time } = row;
  const words =
    kind === "jam" ? jamWords(row, rest) : kind === "transit" ? noticeWords(row) : ruleWords(row, rest);
  return {
    topic: row.topic,
    state,
    severity: severities.find((known) => known === values["severity"]) ?? "info",
    ...words,
    text: textIn(attrs, "text") ?? words.text,
    value: state === "resolved" ? "" : words.value,
    since: firstInstant(values, ["firedAt", "since", "start"]) ?? time,
    endedAt: state === "resolved" ? (firstInstant(values, ["resolvedAt", "end"]) ?? time) : null,
    acknowledgedBy: textIn(values, "acknowledgedBy"),
    id: numberIn(values, "id"),
  };
}

type Words = Pick<Alert, "text" | "about" | "value">;

function ruleWords(row: InsightRow, [name = "", ...subject]: readonly string[]): Words {
  return { text: plainId(name), about: plainId(subject.join("/")), value: valueWordsOf(row) };
}

/** Of a notice for passengers: its kind and the vehicle. */
function noticeWords({ values }: InsightRow): Words {
  const [kind, vehicle] = [textIn(values, "kind"), textIn(values, "vehicle")];
  const about = [kind, vehicle && `vehicle ${vehicle}`].filter(Boolean).join(" · ");
  return { text: kind ?? "Notice", about, value: "" };
}

function valueWordsOf({ values }: InsightRow): string {
  const field = textIn(values, "field");
  const value = values["value"];
  if (field === null || value === undefined || value === null) return "";
  const { number, unit } = valueWords(field, value);
  return `${nameWords(field).label.toLowerCase()} ${number}${unit && ` ${unit}`}`;
}

/** A jam over several segments is one alert, at its head; of one that was none, or is lost sight of, nothing is said. */
function isToldElsewhere({ values }: InsightRow): boolean {
  return values["state"] === "resolved" ? values["outcome"] !== "over" : values["isHead"] !== true;
}

function jamWords({ values }: InsightRow, segment: readonly string[]): Words {
  const queueM = numberIn(values, "queueM");
  const text = `Traffic jam on ${plainId(segment.join("/"))}`;
  return { text, about: "", value: queueM === null ? "" : `queue ${distanceWords(queueM)}` };
}

function firstInstant(values: Values, names: readonly string[]): number | null {
  for (const name of names) {
    const instant = instantIn(values, name);
    if (instant !== null) return instant;
  }
  return null;
}
