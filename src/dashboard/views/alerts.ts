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
  /** Its number for acknowledging; null where that is not to be had. */
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
  if (kind === "jam") return jamAlertOf(row, plainId(rest.join("/")));
  const state = alertStates.find((known) => known === row.values["state"]);
  if (!state) return null;
  const severity = severities.find((known) => known === row.values["severity"]) ?? "info";
  const [name = "", ...subject] = rest;
  return {
    topic: row.topic,
    state,
    severity,
    text: textIn(row.attrs, "text") ?? plainId(name),
    about: kind === "transit" ? passengerWords(row) : plainId(subject.join("/")),
    value: state === "resolved" ? "" : valueWordsOf(row),
    since: instantIn(row.values, "firedAt") ?? instantIn(row.values, "since") ?? row.time,
    endedAt: state === "resolved" ? (instantIn(row.values, "resolvedAt") ?? row.time) : null,
    acknowledgedBy: textIn(row.values, "acknowledgedBy"),
    id: kind === "rules" ? numberIn(row.values, "id") : null,
  };
}

/** Of a notice for passengers: its kind and the vehicle. */
function passengerWords({ values }: InsightRow): string {
  const vehicle = textIn(values, "vehicle");
  return [textIn(values, "kind"), vehicle && `vehicle ${vehicle}`].filter(Boolean).join(" · ");
}

function valueWordsOf({ values }: InsightRow): string {
  const field = textIn(values, "field");
  const value = values["value"];
  if (field === null || value === undefined || value === null) return "";
  const { number, unit } = valueWords(field, value);
  return `${nameWords(field).label.toLowerCase()} ${number}${unit && ` ${unit}`}`;
}

/** A jam over several segments is one alert, at its head; of one that late readings took back nothing is said. */
function jamAlertOf({ topic, time, values }: InsightRow, segment: string): Alert | null {
  const isJam = values["state"] === "jam";
  if (isJam ? values["isHead"] !== true : values["state"] !== "over") return null;
  const queueM = numberIn(values, "queueM");
  return {
    topic,
    state: isJam ? "firing" : "resolved",
    severity: "warning",
    text: `Traffic jam on ${segment}`,
    about: "",
    value: isJam && queueM !== null ? `queue ${distanceWords(queueM)}` : "",
    since: instantIn(values, "start") ?? time,
    endedAt: isJam ? null : (instantIn(values, "end") ?? time),
    acknowledgedBy: null,
    id: null,
  };
}
