import { filterProblem } from "../model/filter.ts";
import type { FormatSettings } from "./format.ts";
import { isHostileName } from "./json-payload.ts";

/** An entry of `contexts` in the config: what the operator says about the devices behind some topics. */
export interface Context extends FormatSettings {
  /** An MQTT filter, one with a leading `#/` for "any levels before", or a pattern with named levels: `radar/{site}/stats`. */
  readonly topic: string;
  /** Name of the format that reads these topics; absent: the one that claims them, else the mapping. */
  readonly format?: string;
}

/** What the operator says about devices. */
export interface RouterSettings {
  /** Zone of local times wherever a context names no other. */
  readonly timezone?: string;
  readonly contexts?: readonly Context[];
}

/** A topic pattern, taken apart. */
export interface TopicPattern {
  /** The filter it stands for: `radar/+/stats`. */
  readonly filter: string;
  /** The number of each named level, from 0. */
  readonly levels: ReadonlyMap<string, number>;
}

const namedLevel = /^\{([A-Za-z_][\w-]*)\}$/;

/**
 * Reads a pattern: an MQTT filter, whose levels may also be `{name}`.
 * @throws Error with what to write instead
 */
export function parseTopicPattern(pattern: string): TopicPattern {
  const levels = new Map<string, number>();
  const names = pattern.split("/").map((level, at) => {
    const name = namedLevel.exec(level)?.[1];
    if (name === undefined) {
      if (!/[{}]/.test(level)) return level;
      throw new Error(
        `${JSON.stringify(level)}: a named level fills the whole level, as in radar/{site}/stats`,
      );
    }
    if (levels.has(name) || isHostileName(name)) {
      throw new Error(`the level {${name}} is there twice or is a reserved name; use another name`);
    }
    levels.set(name, at);
    return "+";
  });
  const filter = names.join("/");
  const isTail = filter.startsWith("#/");
  const problem = filterProblem(isTail ? filter.slice(2) : filter);
  if (problem !== null) throw new Error(problem);
  if (isTail && levels.size > 0) {
    throw new Error("levels after `#/` cannot have names, because their numbers differ from topic to topic");
  }
  return { filter, levels };
}
