import { isoTime, type Values } from "../model/reading.ts";
import { holds, isBack, type Rule } from "./alert-rules.ts";
import type { Course } from "./rework.ts";
import type { Tell } from "./told-words.ts";

/** What was observed at a time. */
export interface Observed {
  readonly time: number;
  /** Null: an insight takes back what it told for this time. */
  readonly value: string | number | boolean | null;
  /** Of what an insight tells: its place in the log. */
  readonly seq?: number;
}

export interface AlertFold {
  /** `resolved` is also the state before anything happened. */
  state: "pending" | "firing" | "resolved";
  /** Since when the condition holds, or until when it did; epoch milliseconds. */
  since: number;
  firedAt: number | null;
  value: Observed["value"] | null;
}

/** The life of one alert: a rule and a topic. Told under the name `alert`. */
export function alertCourse(rule: Rule): Course<Observed, AlertFold> {
  const forMs = rule.forS * 1_000;
  const fire = (fold: AlertFold, tell: Tell) => {
    fold.firedAt = fold.since + forMs;
    enter(fold, "firing", fold.firedAt, tell);
  };
  return {
    start: () => ({ state: "resolved", since: 0, firedAt: null, value: null }),
    step(fold, { time, value }, tell) {
      if (fold.state === "pending" && fold.since + forMs < time) fire(fold, tell);
      if (value !== null) observe(fold, rule, time, value, tell);
      if (fold.state === "pending" && fold.since + forMs <= time) fire(fold, tell);
    },
    close(fold, tell) {
      if (fold.state === "pending") fire(fold, tell);
    },
    merge,
  };
}

/** An insight's later word counts. Of two of a device for the same time it is always the same one, whichever came first. */
function merge(one: Observed, other: Observed): Observed {
  if (one.seq !== undefined && other.seq !== undefined) return one.seq > other.seq ? one : other;
  return JSON.stringify(other) > JSON.stringify(one) ? other : one;
}

function observe(
  fold: AlertFold,
  rule: Rule,
  time: number,
  value: NonNullable<Observed["value"]>,
  tell: Tell,
): void {
  const isOver = fold.state === "pending" ? !holds(rule, value) : isBack(rule, value);
  if (fold.state !== "resolved") {
    if (!isOver) return;
    fold.value = value;
    enter(fold, "resolved", time, tell);
  } else if (holds(rule, value)) {
    Object.assign(fold, { since: time, firedAt: null, value });
    if (rule.forS > 0) enter(fold, "pending", time, tell);
    else fold.state = "pending";
  }
}

function enter(fold: AlertFold, state: AlertFold["state"], time: number, tell: Tell): void {
  fold.state = state;
  tell("alert", time, alertValues(fold, time));
}

/** `value` is the one that began it or, when it is resolved, that ended it. */
function alertValues({ state, since, firedAt, value }: AlertFold, time: number): Values {
  return {
    state,
    value,
    since: isoTime(since),
    firedAt: firedAt === null ? null : isoTime(firedAt),
    resolvedAt: state === "resolved" ? isoTime(time) : null,
  };
}
