import { FilterTree } from "./filter-tree.ts";

export type Qos = 0 | 1 | 2;

interface Granted {
  readonly filter: string;
  readonly qos: Qos;
}

/** The filters that one client subscribes to, each with the QoS that its SUBACK granted. */
export class GrantedFilters {
  readonly #byFilter = new Map<string, Granted>();
  /** Null for the many clients that only publish. */
  #tree: FilterTree<Granted> | null = null;

  get size(): number {
    return this.#byFilter.size;
  }

  has(filter: string): boolean {
    return this.#byFilter.has(filter);
  }

  filters(): Iterable<string> {
    return this.#byFilter.keys();
  }

  /** Adds a filter, or grants it another QoS. */
  grant(filter: string, qos: Qos): void {
    this.delete(filter);
    const granted = { filter, qos };
    this.#byFilter.set(filter, granted);
    this.#tree ??= new FilterTree();
    this.#tree.add(filter, granted);
  }

  delete(filter: string): void {
    const granted = this.#byFilter.get(filter);
    if (granted === undefined) return;
    this.#byFilter.delete(filter);
    this.#tree?.remove(filter, granted);
  }

  /** The highest QoS of the filters that match `topic` (MQTT 3.1.1, 3.3.5); null if none does. */
  qosOf(topic: string): Qos | null {
    let highest: Qos | null = null;
    for (const { filter, qos } of this.#tree?.match(topic) ?? []) {
      // MQTT-4.7.2-1
      if (topic.startsWith("$") && /^[+#]/.test(filter)) continue;
      if (highest === null || qos > highest) highest = qos;
    }
    return highest;
  }
}
