import { filterProblem } from "../model/filter.ts";

/** A level of the tree of patterns. */
interface Node<T> {
  readonly named: Map<string, Node<T>>;
  /** Below `+`. */
  any: Node<T> | null;
  /** What ends here. */
  end: T | null;
  /** What ends here with `#`. */
  rest: T | null;
}

function createNode<T>(): Node<T> {
  return { named: new Map(), any: null, end: null, rest: null };
}

/**
 * Finds the most specific pattern of a topic, level by level: a name before `switch:*` before `+` before `#`, and a pattern
 * of the first levels before one of the last (`#/tele/SENSOR`). The cost of a look-up is that of the topic's levels, not of the
 * number of patterns.
 */
export class TopicTrie<T> {
  readonly #heads = createNode<T>();
  readonly #tails = createNode<T>();
  /** Nodes that look-ups have visited so far: what they cost. */
  visits = 0;

  /**
   * Adds an MQTT filter, or one with a leading `#/` for "any levels before". A level such as `switch:*` stands for all
   * that begin with `switch:`, as `+` stands for all. Returns what stands at the same pattern
   * already, and adds nothing then; null if it was added.
   * @throws Error if the pattern is no filter
   */
  add(pattern: string, value: T): T | null {
    const isTail = pattern.startsWith("#/");
    const problem = filterProblem(isTail ? pattern.slice(2) : pattern);
    if (problem !== null) throw new Error(`${pattern}: ${problem}`);
    const levels = pattern.split("/");
    // Read backwards, `#/tele/SENSOR` is an ordinary filter: SENSOR, tele, #.
    if (isTail) levels.reverse();
    const toRest = levels.at(-1) === "#";
    if (toRest) levels.pop();
    let node = isTail ? this.#tails : this.#heads;
    for (const level of levels) node = childOf(node, level);
    const other = toRest ? node.rest : node.end;
    if (other !== null) return other;
    if (toRest) node.rest = value;
    else node.end = value;
    return null;
  }

  /** The value of the most specific pattern, null if none matches. Server topics (`$SYS`) match nothing (MQTT 4.7.2). */
  find(topic: string): T | null {
    if (topic.startsWith("$")) return null;
    const levels = topic.split("/");
    const head = this.#heads.named.get(levels[0] as string);
    return (
      (head === undefined ? null : this.#match(head, levels, 1)) ??
      this.#match(this.#tails, levels.toReversed(), 0) ??
      this.#matchWild(this.#heads, levels, 0)
    );
  }

  #match(node: Node<T>, levels: readonly string[], at: number): T | null {
    this.visits++;
    if (at === levels.length) return node.end ?? node.rest;
    const level = levels[at] as string;
    const named = node.named.get(level) ?? numberedChild(node, level);
    const found = named === undefined ? null : this.#match(named, levels, at + 1);
    return found ?? this.#matchWild(node, levels, at);
  }

  #matchWild({ any, rest }: Node<T>, levels: readonly string[], at: number): T | null {
    return (any === null ? null : this.#match(any, levels, at + 1)) ?? rest;
  }
}

/** The child for `switch:*` that a level `switch:0` belongs to. */
function numberedChild<T>({ named }: Node<T>, level: string): Node<T> | undefined {
  const colon = level.indexOf(":");
  return colon === -1 ? undefined : named.get(`${level.slice(0, colon)}:*`);
}

function childOf<T>(node: Node<T>, level: string): Node<T> {
  let child = level === "+" ? node.any : (node.named.get(level) ?? null);
  if (child !== null) return child;
  child = createNode();
  if (level === "+") node.any = child;
  else node.named.set(level, child);
  return child;
}

/** True if a topic can match both patterns. */
export function patternsOverlap(one: string, other: string): boolean {
  return overlap(one.split("/"), 0, other.split("/"), 0);
}

function overlap(one: readonly string[], i: number, other: readonly string[], j: number): boolean {
  if (one[i] === "#")
    return overlap(one, i + 1, other, j) || (j < other.length && overlap(one, i, other, j + 1));
  if (other[j] === "#") return overlap(other, j, one, i);
  if (i === one.length || j === other.length) return i === one.length && j === other.length;
  if (!levelsOverlap(one[i] as string, other[j] as string)) return false;
  return overlap(one, i + 1, other, j + 1);
}

function levelsOverlap(one: string, other: string): boolean {
  if (one === other || one === "+" || other === "+") return true;
  const isNumbered = (pattern: string, level: string) =>
    pattern.endsWith(":*") && level.startsWith(pattern.slice(0, -1));
  return isNumbered(one, other) || isNumbered(other, one);
}
