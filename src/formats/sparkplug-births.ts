import { declareLimit, setBounded } from "./bounded.ts";
import { isHostileName } from "./json-payload.ts";
import { type Binding, bindMetric, type SparkplugMapping, separate } from "./sparkplug-binding.ts";
import { type Metric, membersOf, unitOf } from "./sparkplug-payload.ts";

/** Most edge nodes that are known; the one heard of longest ago is forgotten first. */
const edgeLimit = declareLimit("sparkplug-edges", 2_000);

/** Most devices of an edge node, itself included. */
const publisherLimit = declareLimit("sparkplug-devices", 1_000);

/** Most metrics of all births together; the oldest edge nodes are forgotten for newer ones. */
const metricLimit = declareLimit("sparkplug-metrics", 200_000);

/** What a birth said of a metric. */
export interface KnownMetric {
  readonly name: string;
  readonly datatype: number;
  /** Null for a metric that is nothing of ours. */
  readonly binding: Binding | null;
}

/** What a birth of an edge node or a device said, and where it was last. */
export interface Publisher {
  readonly byName: ReadonlyMap<string, KnownMetric>;
  readonly byAlias: ReadonlyMap<string, KnownMetric>;
  /** When it was born, epoch milliseconds by the edge node's clock. */
  readonly bornAt: number;
  /** Sparkplug reports changes only, so half a position is completed from here. */
  readonly position: { lat?: number; lon?: number };
}

/** An edge node: its births, and how far its messages have come. */
export interface Edge {
  isBorn: boolean;
  /** The newest sequence number, null if none is known. */
  seq: number | null;
  /** Ties a death to its birth. */
  bdSeq: number | undefined;
  /** When a new birth was asked for, epoch milliseconds. */
  askedAt: number;
  /** By device; "" is the edge node itself. */
  readonly publishers: Map<string, Publisher>;
}

/** A metric with its full name, where that is known, and with what it has from the template it stands in. */
export interface NamedMetric {
  readonly name: string | undefined;
  readonly metric: Metric;
  readonly known: KnownMetric | undefined;
  /** Epoch milliseconds. */
  readonly timestamp: number | undefined;
  readonly isHistorical: boolean;
}

/** All edge nodes, by `group/edge`. */
export class Births {
  readonly #edges = new Map<string, Edge>();
  readonly #mapping: SparkplugMapping;
  #knownMetrics = 0;

  constructor(mapping: SparkplugMapping) {
    this.#mapping = mapping;
  }

  edge(id: string): Edge {
    let edge = this.#edges.get(id);
    if (edge === undefined) {
      edge = {
        isBorn: false,
        seq: null,
        bdSeq: undefined,
        askedAt: Number.NEGATIVE_INFINITY,
        publishers: new Map(),
      };
      const forgotten = setBounded(this.#edges, id, edge, edgeLimit);
      if (forgotten !== undefined) this.#forgetAll(forgotten);
    }
    return edge;
  }

  /** Takes a birth in place of an older one of the same device. */
  learn(edge: Edge, device: string, metrics: readonly Metric[], bornAt: number): Publisher {
    this.forget(edge, device);
    const flat = flatten(metrics, undefined);
    const bound: [string, Binding][] = [];
    for (const { name, metric } of flat) {
      if (name === undefined || isHostileName(name)) continue;
      const binding = bindMetric(name, unitOf(metric), this.#mapping);
      if (binding !== null) bound.push([name, binding]);
    }
    const bindings = separate(bound);
    const byName = new Map<string, KnownMetric>();
    const byAlias = new Map<string, KnownMetric>();
    for (const { name, metric } of flat) {
      if (name === undefined) continue;
      const known = { name, datatype: metric.datatype ?? 0, binding: bindings.get(name) ?? null };
      byName.set(name, known);
      if (metric.alias !== undefined) byAlias.set(metric.alias, known);
    }
    const publisher = { byName, byAlias, bornAt, position: {} };
    this.#knownMetrics += byName.size;
    this.#uncount(setBounded(edge.publishers, device, publisher, publisherLimit));
    this.#makeRoom(edge);
    return publisher;
  }

  forget(edge: Edge, device: string): void {
    this.#uncount(edge.publishers.get(device));
    edge.publishers.delete(device);
  }

  /** Forgets the devices that were born before the edge node was (epoch milliseconds): they must be born again. */
  forgetBefore(edge: Edge, bornAt: number): void {
    for (const [device, publisher] of edge.publishers)
      if (publisher.bornAt < bornAt) this.forget(edge, device);
  }

  /** What a metric is that no birth announced, by its own name and unit. */
  bindUnborn(name: string, metric: Metric): KnownMetric {
    return { name, datatype: metric.datatype ?? 0, binding: bindMetric(name, unitOf(metric), this.#mapping) };
  }

  #makeRoom(newest: Edge): void {
    for (const [id, edge] of this.#edges) {
      if (this.#knownMetrics <= metricLimit.max) return;
      if (edge === newest) continue;
      metricLimit.forgotten++;
      this.#edges.delete(id);
      this.#forgetAll(edge);
    }
  }

  #forgetAll(edge: Edge): void {
    for (const device of [...edge.publishers.keys()]) this.forget(edge, device);
  }

  #uncount(publisher: Publisher | undefined): void {
    if (publisher !== undefined) this.#knownMetrics -= publisher.byName.size;
  }
}

/**
 * Metrics with the members of template instances beside them, named `template/member`. Names stand in for aliases where
 * `publisher` has announced them.
 */
export function flatten(
  metrics: readonly Metric[],
  publisher: Publisher | undefined,
  outer?: NamedMetric,
): NamedMetric[] {
  return metrics.flatMap((metric) => {
    const ownName =
      metric.name !== undefined && outer?.name !== undefined ? `${outer.name}/${metric.name}` : metric.name;
    const announced = ownName === undefined ? undefined : publisher?.byName.get(ownName);
    const known =
      announced ?? (metric.alias === undefined ? undefined : publisher?.byAlias.get(metric.alias));
    const named: NamedMetric = {
      name: ownName ?? known?.name,
      metric,
      known,
      timestamp: metric.timestamp ?? outer?.timestamp,
      isHistorical: metric.isHistorical ?? outer?.isHistorical ?? false,
    };
    // The template itself stays in the list: a birth must learn its alias.
    return [named, ...flatten(membersOf(metric), publisher, named)];
  });
}
