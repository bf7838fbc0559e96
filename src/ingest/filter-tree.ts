interface Node<Member> {
  readonly children: Map<string, Node<Member>>;
  readonly members: Set<Member>;
}

function emptyNode<Member>(): Node<Member> {
  return { children: new Map(), members: new Set() };
}

/** Members by MQTT filter, found by topic in the time that the topic's levels take, however many filters there are. */
export class FilterTree<Member> {
  readonly #root: Node<Member> = emptyNode();
  #size = 0;

  /** Members, one for each filter that it stands under. */
  get size(): number {
    return this.#size;
  }

  add(filter: string, member: Member): void {
    let node = this.#root;
    for (const level of filter.split("/")) {
      let child = node.children.get(level);
      if (child === undefined) {
        child = emptyNode();
        node.children.set(level, child);
      }
      node = child;
    }
    if (!node.members.has(member)) this.#size++;
    node.members.add(member);
  }

  remove(filter: string, member: Member): void {
    const path = [this.#root];
    const levels = filter.split("/");
    for (const level of levels) {
      const child = path.at(-1)?.children.get(level);
      if (child === undefined) return;
      path.push(child);
    }
    if (path.at(-1)?.members.delete(member)) this.#size--;
    for (let depth = levels.length; depth > 0; depth--) {
      const node = path[depth] as Node<Member>;
      if (node.members.size > 0 || node.children.size > 0) break;
      path[depth - 1]?.children.delete(levels[depth - 1] as string);
    }
  }

  /**
   * Who stands under a filter that matches `topic`; somebody under several comes several times. `gps/#` matches `gps` too
   * (MQTT 3.1.1, 4.7.1.2). For topics that do not begin with `$`.
   */
  match(topic: string): Member[] {
    const found: Member[] = [];
    collect(this.#root, topic.split("/"), 0, found);
    return found;
  }
}

function collect<Member>(
  node: Node<Member>,
  levels: readonly string[],
  depth: number,
  found: Member[],
): void {
  const rest = node.children.get("#");
  if (rest) for (const member of rest.members) found.push(member);
  if (depth === levels.length) {
    for (const member of node.members) found.push(member);
    return;
  }
  const same = node.children.get(levels[depth] as string);
  if (same) collect(same, levels, depth + 1, found);
  const any = node.children.get("+");
  if (any) collect(any, levels, depth + 1, found);
}
