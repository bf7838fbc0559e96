import { FilterTree } from "./filter-tree.ts";

/**
 * Which clients want the packets of which topics, so that what nobody wants need not be routed. A session that lasts counts
 * while its client is away. As bounded as the sessions are.
 */
export class Subscribers {
  readonly #tree = new FilterTree<string>();
  readonly #filters = new Map<string, Set<string>>();

  add(clientId: string, filter: string): void {
    let filters = this.#filters.get(clientId);
    if (filters === undefined) {
      filters = new Set();
      this.#filters.set(clientId, filters);
    }
    filters.add(filter);
    this.#tree.add(filter, clientId);
  }

  remove(clientId: string, filter: string): void {
    this.#tree.remove(filter, clientId);
    const filters = this.#filters.get(clientId);
    filters?.delete(filter);
    if (filters?.size === 0) this.#filters.delete(clientId);
  }

  /** The client's session has ended. */
  forget(clientId: string): void {
    for (const filter of this.#filters.get(clientId) ?? []) this.#tree.remove(filter, clientId);
    this.#filters.delete(clientId);
  }

  /** False only if no subscription matches `topic`. */
  want(topic: string): boolean {
    if (this.#tree.size === 0) return false;
    // The tree does not keep `#` and `+` off topics that begin with `$`; those are rare, and routing decides.
    return this.#tree.match(topic).length > 0;
  }
}
