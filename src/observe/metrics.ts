import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** A figure that some part of the gateway keeps; read when Prometheus asks, so that counting costs the hot path nothing. */
export interface Figure {
  readonly name: string;
  readonly help: string;
  readonly kind: "counter" | "gauge";
  /** One number, or one per value of `label`. */
  readonly read: () => number | Readonly<Record<string, number>>;
  readonly label?: string;
}

/**
 * How often Node.js looks at how late the event loop is, milliseconds (`nodejs_eventloop_lag_*`, whose values include it). Each look
 * wakes the process: prom-client's 10 took three quarters of what an idle gateway needs.
 */
const loopLookMs = 100;

/** Registers figures and the process's own, and writes them in Prometheus' text format. */
export function createMetrics(figures: readonly Figure[]): { write(): Promise<string>; contentType: string } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: loopLookMs });
  for (const figure of figures) register(registry, figure);
  return { write: () => registry.metrics(), contentType: registry.contentType };
}

function register(registry: Registry, { name, help, kind, read, label }: Figure): void {
  const settings = { name, help, registers: [registry], labelNames: label ? [label] : [] };
  if (kind === "gauge") {
    const gauge = new Gauge({
      ...settings,
      collect: () => eachValue(read(), label, (labels, value) => gauge.set(labels, value)),
    });
  } else {
    const counter = new Counter({
      ...settings,
      collect: () => {
        counter.reset();
        eachValue(read(), label, (labels, value) => counter.inc(labels, value));
      },
    });
  }
}

function eachValue(
  values: number | Readonly<Record<string, number>>,
  label: string | undefined,
  use: (labels: Record<string, string>, value: number) => void,
): void {
  if (typeof values === "number") return use({}, values);
  for (const [key, value] of Object.entries(values)) use({ [label ?? "kind"]: key }, value);
}
