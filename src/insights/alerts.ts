import { z } from "zod";
import { matchesFilter } from "../model/filter.ts";
import { type Domain, domains, isoTime } from "../model/reading.ts";
import { topicOf } from "../model/topic.ts";
import { type AlertFold, alertCourse, type Observed } from "./alert-course.ts";
import { type Rule, rulesProblem, rulesSettings, termsOf, valueFor } from "./alert-rules.ts";
import { putBounded } from "./bounded.ts";
import { DueTimes } from "./due-times.ts";
import type { CommittedReading, Emit, Insight, Reducer, Shown } from "./insight.ts";
import { Rework, type Track } from "./rework.ts";
import type { Tell } from "./told-words.ts";

/** Topics whose rules are remembered; forgotten all at once beyond this. */
const maxKnownTopics = 100_000;
/** So long after a reading came, others of its message may still come: then it is not yet said that it went on. */
const settleMs = 2_000;

/** Below it are the alerts of rules: `alerts/rules/<rule>/<topic>`. */
const ownLevel = "rules/";

const settings = z.strictObject({
  rules: rulesSettings.describe("When to alert"),
  lateReadings: z
    .int()
    .min(1)
    .max(256)
    .default(8)
    .describe("So many readings of a rule and topic are kept, among which late ones take their place"),
  maxAlerts: z
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe("Most pairs of a rule and a topic; the one not heard of longest is forgotten"),
});

type Settings = z.infer<typeof settings>;

interface Alert {
  readonly rule: string;
  /** Of the rule when it began (alert-rules.ts). */
  readonly terms: string;
  readonly track: Track<Observed, AlertFold>;
  /** When a pending one fires if nothing comes, by the log's clock. */
  due: number | null;
}

/** By the device of what is told: `rules/<rule>/<topic>`. */
type State = Map<string, Alert>;

/**
 * Alerts by rules of the operator: `alerts/rules/<rule>/<topic>` with `state` (pending, firing, resolved; acknowledged.ts
 * makes the fourth). ALERTS.md tells the values.
 */
export const alerts: Insight<Settings, State> = {
  name: "alerts",
  description: "Alerts by rules: a value above, below, equal to something, for so long",
  onByDefault: false,
  settings,
  writes: ["alerts"],
  reads: ({ rules }) => [...new Set(rules.map(({ filter }) => filter))],
  problem: ({ rules }) => rulesProblem(rules),
  ending: ({ device, values }, now) => {
    if (!device.startsWith(ownLevel) || values["state"] === "resolved") return null;
    return { ...values, state: "resolved", resolvedAt: isoTime(now) };
  },
  stateVersion: 3,
  start: () => new Map(),
  create: (settings, state) => new AlertsReducer(settings, state),
};

interface ActiveRule {
  readonly rule: Rule;
  readonly terms: string;
  readonly rework: Rework<Observed, AlertFold>;
}

class AlertsReducer implements Reducer {
  readonly #maxAlerts: number;
  readonly #alerts: State;
  readonly #rules: ReadonlyMap<string, ActiveRule>;
  /** By topic. */
  readonly #known = new Map<string, readonly ActiveRule[]>();
  readonly #due = new DueTimes();
  /** Alerts of rules that are other ones now. */
  readonly #dropped = new Set<string>();

  constructor(settings: Settings, alerts: State) {
    this.#maxAlerts = settings.maxAlerts;
    this.#alerts = alerts;
    this.#rules = new Map(
      settings.rules.map((rule) => [
        rule.name,
        { rule, terms: termsOf(rule), rework: new Rework(alertCourse(rule), settings.lateReadings) },
      ]),
    );
    for (const [device, { rule, terms, due }] of alerts) {
      if (!this.#isOfRule(device) || this.#rules.get(rule)?.terms !== terms) {
        alerts.delete(device);
        this.#dropped.add(device);
      } else if (due !== null) this.#due.set(device, due);
    }
  }

  reduce(reading: CommittedReading, emit: Emit): void {
    if (reading.domain === "alerts" && reading.device.startsWith(ownLevel)) return;
    const rules = this.#rulesOf(reading.topic);
    if (rules.length === 0) return;
    const { time, values, committedAt } = reading;
    // What an insight tells for a time replaces what was told for it before.
    const seq = isDerived(reading) ? reading.seq : null;
    for (const active of rules) {
      const value = valueFor(active.rule, values) ?? null;
      if (value === null && seq === null) continue;
      const device = deviceOf(active.rule, reading);
      if (value === null && !this.#knows(device, time)) continue;
      this.#take(device, active, seq === null ? { time, value } : { time, value, seq }, committedAt, emit);
    }
  }

  advance(now: number, emit: Emit): void {
    for (let next = this.#due.take(now); next !== null; next = this.#due.take(now)) {
      const alert = this.#alerts.get(next.key);
      const active = alert && this.#rules.get(alert.rule);
      if (!active) continue;
      alert.due = null;
      active.rework.close(alert.track, tellOf(next.key, active.rule, emit));
    }
  }

  #take(
    device: string,
    { rule, terms, rework }: ActiveRule,
    observed: Observed,
    committedAt: number,
    emit: Emit,
  ): void {
    const alert = this.#alerts.get(device) ?? { rule: rule.name, terms, track: rework.newTrack(), due: null };
    rework.take(alert.track, observed, tellOf(device, rule, emit));
    const { state, since } = rework.head(alert.track);
    alert.due = state === "pending" ? Math.max(since + rule.forS * 1_000, committedAt + settleMs) : null;
    if (alert.due === null) this.#due.delete(device);
    else this.#due.set(device, alert.due);
    const forgotten = putBounded(this.#alerts, device, alert, this.#maxAlerts);
    if (forgotten !== undefined) this.#due.delete(forgotten);
  }

  #knows(device: string, time: number): boolean {
    return this.#alerts.get(device)?.track.items.some((item) => item.time === time) ?? false;
  }

  #rulesOf(topic: string): readonly ActiveRule[] {
    const known = this.#known.get(topic);
    if (known) return known;
    if (this.#known.size >= maxKnownTopics) this.#known.clear();
    const rules = [...this.#rules.values()].filter(({ rule }) => matchesFilter(rule.filter, topic));
    this.#known.set(topic, rules);
    return rules;
  }

  stands({ device, values }: Shown): boolean {
    if (!this.#isOfRule(device)) return false;
    const [, name = ""] = device.split("/");
    if (values["field"] !== this.#rules.get(name)?.rule.field) return false;
    const alert = this.#alerts.get(device);
    // Of one that is not known it cannot be said that it is over, unless its rule is another one.
    if (alert === undefined) return !this.#dropped.has(device);
    const head = this.#rules.get(alert.rule)?.rework.head(alert.track);
    return values["state"] === "resolved" || head?.state !== "resolved";
  }

  /** Whether there is such a rule, and it looks at that topic. */
  #isOfRule(device: string): boolean {
    const [, name = "", domain = "", ...about] = device.split("/");
    const rule = this.#rules.get(name)?.rule;
    return (
      rule !== undefined &&
      matchesFilter(rule.filter, topicOf({ domain: domain as Domain, device: about.join("/") }))
    );
  }
}

function isDerived({ domain }: CommittedReading): boolean {
  return !domains.some((one) => one === domain);
}

function deviceOf({ name }: Rule, { domain, device, channel }: CommittedReading): string {
  const about = channel === undefined ? device : `${device}/${channel}`;
  return `${ownLevel}${name}/${domain}/${about}`;
}

function tellOf(device: string, { severity, field, text }: Rule, emit: Emit): Tell {
  return (_name, time, told) => {
    // Taken back, with nothing before it: whoever was told needs a word that says so.
    const values = told["state"] === null ? { ...told, state: "resolved", resolvedAt: isoTime(time) } : told;
    const reading = { domain: "alerts", device, time, values: { severity, field, ...values } } as const;
    emit(text === undefined ? reading : { ...reading, attrs: { text } });
  };
}
