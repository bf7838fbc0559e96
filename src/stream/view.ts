import { isInBox } from "../model/box.ts";
import type { Value, Values } from "../model/reading.ts";
import type { Bbox, Condition, ViewOptions } from "../wire/messages.ts";

/** What of a view is changed; null takes an option away, undefined leaves it. */
export type ViewChanges = { readonly [Name in keyof ViewOptions]-?: ViewOptions[Name] | null | undefined };

type Test = (values: Values) => boolean;

/** What a subscription wants of the readings that match its filter. Without options it lets everything through. */
export class View {
  /** Equal for views that want the same. */
  readonly key: string;
  readonly bbox: Bbox | null;
  /** Updates a second per topic, null for every reading. */
  readonly rate: number | null;
  readonly isPlain: boolean;
  private readonly options: ViewOptions;
  private readonly tests: readonly Test[];
  private readonly fields: readonly string[] | null;

  constructor(options: ViewOptions) {
    const { bbox = null, rate = null, where = [], fields = null } = options;
    this.options = options;
    this.bbox = bbox;
    this.rate = rate;
    this.tests = where.map(compile);
    this.fields = fields;
    this.isPlain = bbox === null && rate === null && where.length === 0 && fields === null;
    this.key = this.isPlain ? "" : JSON.stringify([bbox, rate, where, fields]);
  }

  /** The view that it becomes by such changes. */
  with(changes: ViewChanges): View {
    const merged: Record<string, unknown> = { ...this.options };
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) delete merged[name];
      else if (value !== undefined) merged[name] = value;
    }
    return new View(merged as ViewOptions);
  }

  /** True if all conditions hold. */
  passes(values: Values): boolean {
    return this.tests.every((test) => test(values));
  }

  /** The wanted fields, null if there is none of them. */
  project(values: Values): Values | null {
    if (this.fields === null) return values;
    const wanted: Values = {};
    let found = false;
    for (const name of this.fields) {
      if (!Object.hasOwn(values, name)) continue;
      wanted[name] = values[name] as Value;
      found = true;
    }
    return found ? wanted : null;
  }

  /** Whether a position lies in the box, null if the values have none. A box whose west is east of its east wraps around. */
  contains(values: Values): boolean | null {
    return this.bbox === null || isInBox(this.bbox, values);
  }
}

function compile({ field, op, value }: Condition): Test {
  const read = (values: Values) => (Object.hasOwn(values, field) ? values[field] : undefined);
  if (op === "exists") return (values) => read(values) !== undefined;
  if (op === "==") return (values) => read(values) === value;
  if (op === "!=") {
    return (values) => {
      const found = read(values);
      return found !== undefined && found !== value;
    };
  }
  // Only like is compared with like: a text is neither above nor below a number.
  return (values) => {
    const found = read(values);
    if (typeof found !== typeof value || (typeof found !== "number" && typeof found !== "string"))
      return false;
    return compare(found, value as number | string, op);
  };
}

function compare(found: number | string, value: number | string, op: "<" | "<=" | ">" | ">="): boolean {
  switch (op) {
    case "<":
      return found < value;
    case "<=":
      return found <= value;
    case ">":
      return found > value;
    case ">=":
      return found >= value;
  }
}
