import { isHostileName, isObject } from "./json-payload.ts";

/** What the paths of a mapping look into while one entry is read. */
export interface Scope {
  /** `$`: the whole JSON payload, or one row of CSV. */
  readonly root: unknown;
  /** `@`: the entry of `each`. */
  readonly item: unknown;
  /** `$key`: the entry's number from 0, or its name where `each` is an object. */
  readonly key: string | number | undefined;
  readonly topic: string;
}

/** A path, compiled. */
export interface Path {
  /** As it was written, for messages. */
  readonly text: string;
  readonly root: PathRoot;
  /** The first step below the root: a name, the number of a list's entry, undefined where there is none. */
  readonly first: string | number | undefined;
  /** What it leads to, `undefined` if nothing. Own properties only. */
  read(scope: Scope): unknown;
}

type PathRoot = "$" | "@" | "$key" | "$topic";

/** Longest path, in characters. */
const maxPathChars = 256;

const rootPattern = /\$topic(?![\w])|\$key(?![\w])|\$|@/y;
const stepPattern = /\.([^\s.[\]'"<>=!@$]+)|\[(\d{1,6})\]|\['([^']+)'\]|\["([^"]+)"\]/y;

/** True for text that is meant as a path and not as a fixed value. */
export function isPathText(text: unknown): text is string {
  return typeof text === "string" && /^\s*[$@]/.test(text);
}

/**
 * Compiles a path that fills the whole text: `$.pos.lat`, `$.list[0].x`, `$['a name']`, `@.x`, `$key`, `$topic.1`,
 * `$topic.site` where `levels` names the level.
 * @throws Error with what is wrong and how it is written
 */
export function compilePath(text: string, levels: ReadonlyMap<string, number>): Path {
  const { path, end } = compilePathAt(text, levels);
  if (end !== text.length) {
    throw new Error(`${JSON.stringify(text)} is not a path from character ${end + 1} on; ${notation}`);
  }
  return path;
}

const notation = "write one like $.pos.lat, $.list[0].x, $['a name'], @.x or $topic.1";

/** Compiles the path that the text begins with, and says where it ends. */
export function compilePathAt(
  text: string,
  levels: ReadonlyMap<string, number>,
): { readonly path: Path; readonly end: number } {
  if (text.length > maxPathChars) throw new Error(`a path has at most ${maxPathChars} characters`);
  rootPattern.lastIndex = 0;
  const root = rootPattern.exec(text)?.[0] as PathRoot | undefined;
  if (root === undefined) throw new Error(`${JSON.stringify(text)} is not a path; ${notation}`);
  const steps: (string | number)[] = [];
  let end = root.length;
  for (;;) {
    stepPattern.lastIndex = end;
    const match = stepPattern.exec(text);
    if (match === null) break;
    const name = match[1] ?? match[3] ?? match[4];
    if (name !== undefined && isHostileName(name)) throw new Error(`the name ${name} is reserved`);
    steps.push(name ?? Number(match[2]));
    end = stepPattern.lastIndex;
  }
  const read = compileRead(root, steps, levels);
  return { path: { text: text.slice(0, end), root, first: steps[0], read }, end };
}

function compileRead(
  root: PathRoot,
  steps: readonly (string | number)[],
  levels: ReadonlyMap<string, number>,
): Path["read"] {
  if (root === "$topic") return readLevel(steps, levels);
  if (root === "$key") {
    if (steps.length > 0) throw new Error("$key has nothing below it");
    return (scope) => scope.key;
  }
  const isItem = root === "@";
  const [only] = steps;
  if (steps.length === 1 && only !== undefined) {
    return (scope) => step(isItem ? scope.item : scope.root, only);
  }
  return (scope) => {
    let value = isItem ? scope.item : scope.root;
    for (const name of steps) value = step(value, name);
    return value;
  };
}

/** One step down: a name only of an object, a number only of a list; never an inherited property. */
function step(value: unknown, name: string | number): unknown {
  if (typeof name === "number") return Array.isArray(value) ? value[name] : undefined;
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** A level of a topic from 0, undefined behind the last; cheaper than splitting the topic for one of them. */
function levelOf(topic: string, number: number): string | undefined {
  let start = 0;
  for (let at = 0; at < number; at++) {
    start = topic.indexOf("/", start) + 1;
    if (start === 0) return undefined;
  }
  const end = topic.indexOf("/", start);
  return end === -1 ? topic.slice(start) : topic.slice(start, end);
}

function readLevel(steps: readonly (string | number)[], levels: ReadonlyMap<string, number>): Path["read"] {
  const [name] = steps;
  if (name === undefined) return (scope) => scope.topic;
  if (steps.length > 1) throw new Error("a level of the topic has nothing below it; write $topic.1");
  const at = typeof name === "number" || /^\d{1,2}$/.test(name) ? Number(name) : levels.get(name);
  if (at === undefined) {
    const known = levels.size === 0 ? "has no named levels" : `has ${[...levels.keys()].join(", ")}`;
    throw new Error(
      `the topic pattern ${known}; use a number from 0 as in $topic.1, or name the level: radar/{${name}}/stats`,
    );
  }
  return (scope) => levelOf(scope.topic, at);
}
