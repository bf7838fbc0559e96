import type { Log } from "../log/contract.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { json } from "./json.ts";

export interface HealthDependencies {
  readonly log: Log;
  /** What is wrong with the gateway as a whole; empty if nothing. */
  readonly problems: () => readonly string[];
  /** What is wrong with parts that the gateway can do without; it is ready all the same. */
  readonly warnings: () => readonly string[];
  readonly metrics: { write(): Promise<string>; readonly contentType: string };
}

/** What probes and Prometheus ask. */
export function healthEndpoints(dependencies: HealthDependencies): Endpoint[] {
  return [aliveEndpoint(), readyEndpoint(dependencies), metricsEndpoint(dependencies)];
}

function aliveEndpoint(): Endpoint {
  return endpoint({
    method: "GET",
    path: "/healthz",
    operation: "alive",
    summary: "The process lives",
    parameters: null,
    answers: {
      200: {
        description: "It does.",
        content: {
          "application/json": {
            type: "object",
            required: ["status"],
            additionalProperties: false,
            properties: { status: { const: "ok" } },
          },
        },
      },
    },
    handle: () => json(200, { status: "ok" }),
  });
}

const texts = { type: "array", items: { type: "string" } } as const;

function readyEndpoint({ log, problems, warnings }: HealthDependencies): Endpoint {
  return endpoint({
    method: "GET",
    path: "/readyz",
    operation: "ready",
    summary: "Readings are taken and stored",
    parameters: null,
    answers: {
      200: { description: "They are.", content: { "application/json": readySchema } },
      503: {
        description: "They are not, for these reasons.",
        content: { "application/json": degradedSchema },
      },
    },
    handle: () => {
      const found = problems();
      const more = warnings().length === 0 ? {} : { warnings: warnings() };
      return found.length === 0
        ? json(200, { status: "ready", epoch: log.epoch, head: log.head, oldest: log.oldest, ...more })
        : json(503, { status: "degraded", problems: found, ...more });
    },
  });
}

const readySchema = {
  type: "object",
  required: ["status", "epoch", "head", "oldest"],
  additionalProperties: false,
  properties: {
    status: { const: "ready" },
    epoch: { type: "string", description: "Names the log's life." },
    head: { type: "integer", description: "Seq of the newest reading." },
    oldest: { type: "integer", description: "Seq of the oldest reading that the ring still has." },
    warnings: texts,
  },
} as const;

const degradedSchema = {
  type: "object",
  required: ["status", "problems"],
  additionalProperties: false,
  properties: { status: { const: "degraded" }, problems: texts, warnings: texts },
} as const;

function metricsEndpoint({ metrics }: HealthDependencies): Endpoint {
  return endpoint({
    method: "GET",
    path: "/metrics",
    operation: "metrics",
    summary: "Figures for Prometheus",
    parameters: null,
    answers: { 200: { description: "The figures.", content: { "text/plain": { type: "string" } } } },
    handle: async () => ({
      status: 200,
      headers: { "content-type": metrics.contentType },
      body: await metrics.write(),
    }),
  });
}
