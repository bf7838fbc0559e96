import { filterProblem } from "../model/filter.ts";
import { hasEmptyLevel } from "./fields.ts";
import { quote } from "./outcome.ts";

/** What a variable of a pattern is: a level of the device's id, any number of them, or a level that names something else. */
export type Part = "id" | "ids" | "other";

/** How a format's topics may be laid out. */
export interface Layout {
  /** The variables by name, as they stand in `%topic%`, `{topic}`, `<topic>` or `%u`. */
  readonly variables: ReadonlyMap<string, Part>;
  /** A pattern as it should be written, for messages. */
  readonly example: string;
  /** True if more levels may follow (`…/event`). */
  readonly hasTail: boolean;
}

/** The device's id in a topic and the part of the topic that the pattern describes; null if it does not fit. */
export type ReadTopic = (topic: string) => { readonly device: string; readonly base: string } | null;

const variable = /%([a-z_]+)%|%([a-z])(?![a-z_])|\{\{?\s*([\w ]+?)\s*\}\}?|<([\w ]+)>/gi;
const token = new RegExp(`${variable.source}|[+#]`, "gi");
const sources: Readonly<Record<Part, string>> = { id: "([^/]+)", ids: "(.+)", other: "[^/]+" };

/**
 * Compiles `topicPattern` for a format whose device ids stand in its topics. The id is what the pattern's variables for it
 * found, joined by slashes; where it has no variables at all, what its `+` and `#` found. A slash at its end says nothing.
 * @throws Error that begins with `topicPattern`
 */
export function compileTopicPattern(pattern: string, { variables, example, hasTail }: Layout): ReadTopic {
  checkPattern(pattern, example);
  const hasNames = pattern.search(variable) !== -1;
  const seen = new Set<string>();
  const text = pattern.replace(/\/$/, "");
  let source = "";
  let end = 0;
  for (const match of text.matchAll(token)) {
    source += escapeLiteral(text.slice(end, match.index));
    end = match.index + match[0].length;
    const name = (match[1] ?? match[2] ?? match[3] ?? match[4] ?? "").toLowerCase().replaceAll(" ", "_");
    const part = name === "" ? wildcardPart(match[0], hasNames) : variables.get(name);
    if (part === undefined || (name !== "" && seen.has(name))) {
      const why = part === undefined ? "has no meaning here" : "is there twice";
      throw new Error(`topicPattern: ${match[0]} ${why}; write it as in ${example}`);
    }
    seen.add(name);
    source += match[0] === "#" && hasNames ? ".*" : sources[part];
  }
  source += escapeLiteral(text.slice(end));
  if (!source.includes("(")) {
    throw new Error(
      `topicPattern: ${JSON.stringify(pattern)} does not say where the device stands; write it as in ${example}`,
    );
  }
  const fits = new RegExp(`^(${source})${hasTail ? "(?:/.*)?" : ""}$`);
  return (topic) => {
    const match = fits.exec(topic);
    if (match === null) return null;
    const device = match.slice(2).join("/");
    return hasEmptyLevel(device) ? null : { device, base: match[1] as string };
  };
}

/**
 * The levels before the first variable or wildcard of a pattern, with a slash at the end, for a format whose topics are all
 * below one base that the owner chose.
 * @throws Error that begins with `topicPattern`
 */
export function baseOfPattern(pattern: string, example: string): string {
  checkPattern(pattern, example);
  const first = pattern.search(token);
  if (first === -1) return pattern.endsWith("/") ? pattern : `${pattern}/`;
  const base = pattern.slice(0, pattern.lastIndexOf("/", first - 1) + 1);
  if (base !== "" && first > 0) return base;
  throw new Error(
    `topicPattern: ${JSON.stringify(pattern)} has no base before its first variable; write it as in ${example}`,
  );
}

/** Why a topic cannot be read. */
export function patternProblem(topic: string, pattern: string | undefined): string {
  return `topic: ${quote(topic)} does not fit the topicPattern ${quote(pattern)}; mend one of them`;
}

function wildcardPart(wildcard: string, hasNames: boolean): Part {
  if (hasNames) return "other";
  return wildcard === "#" ? "ids" : "id";
}

function checkPattern(pattern: string, example: string): void {
  const plain = pattern.replace(variable, "x");
  const problem = /[{}<>%]/.test(plain) ? "a variable is not closed" : filterProblem(plain);
  if (problem === null) return;
  throw new Error(`topicPattern: ${JSON.stringify(pattern)}: ${problem}; write it as in ${example}`);
}

function escapeLiteral(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
