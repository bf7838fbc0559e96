import { forgottenByLimit } from "../formats/bounded.ts";
import type { Bridge } from "../ingest/bridge.ts";
import type { MqttBroker } from "../ingest/broker.ts";
import type { Commands } from "../ingest/commands.ts";
import type { Log } from "../log/contract.ts";
import type { WebhookFigures } from "../notify/webhook.ts";
import type { Figure } from "../observe/metrics.ts";
import type { InsightFigures, InsightRunner } from "../pipeline/insight-runner.ts";
import type { Notices } from "../pipeline/notices.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { StreamServer } from "../stream/stream.ts";
import type { Sources } from "./sources.ts";
import type { Webhooks } from "./webhooks.ts";

interface Parts {
  readonly log: Log;
  readonly pipeline: Pipeline;
  readonly notices: Notices;
  readonly broker: MqttBroker;
  readonly commands: Commands;
  readonly sources: Sources;
  readonly insights: InsightRunner;
  readonly webhooks: Webhooks;
  /** Null until it listens. */
  readonly stream: () => StreamServer | null;
}

/** What `/metrics` tells about the gateway, beside the process's own figures. */
export function gatewayFigures({
  log,
  pipeline,
  notices,
  broker,
  commands,
  sources,
  insights,
  webhooks,
  stream,
}: Parts): Figure[] {
  const { counts } = pipeline;
  return [
    counter("fieldcast_packets_total", "Packets that devices published", () => counts.packets),
    counter("fieldcast_readings_total", "Readings handed to the log", () => counts.readings),
    counter("fieldcast_quarantined_total", "Packets that went to quarantine", () => counts.quarantined),
    counter("fieldcast_quarantine_suppressed_total", "Quarantined packets without a notice in the log", () =>
      notices.suppressed(),
    ),
    counter("fieldcast_silent_packets_total", "Packets with nothing to say", () => counts.silent),
    counter(
      "fieldcast_remembered_packets_total",
      "Packets kept for the formats' next start: births, metadata, discovery",
      () => counts.remembered,
    ),
    counter(
      "fieldcast_replies_total",
      "Messages to devices, such as requests for a birth",
      () => counts.replies,
    ),
    {
      ...counter(
        "fieldcast_formats_forgotten_total",
        "What formats forgot because a limit of their memory was reached",
        forgottenByLimit,
      ),
      label: "limit",
    },
    gauge("fieldcast_log_head", "Sequence number of the newest reading", () => log.head),
    gauge("fieldcast_log_oldest", "Sequence number of the oldest reading kept", () => log.oldest),
    {
      ...counter(
        "fieldcast_log_damage_total",
        "Stretches of the log damaged on the disk, by outcome",
        () => ({
          ...log.damage,
        }),
      ),
      label: "outcome",
    },
    gauge("fieldcast_log_ok", "1 if the log takes readings", () => (log.health().ok ? 1 : 0)),
    gauge("fieldcast_mqtt_connections", "Open MQTT connections", () => broker.connections()),
    counter(
      "fieldcast_mqtt_readings_total",
      "Readings sent to MQTT subscribers",
      () => broker.stats().readingsSent,
    ),
    counter(
      "fieldcast_mqtt_unrouted_total",
      "Packets at topics of the gateway's own: taken in, not routed to MQTT subscribers",
      () => broker.stats().unrouted,
    ),
    {
      ...counter("fieldcast_mqtt_refused_total", "Refused by the broker", () => ({
        ...broker.stats().refused,
      })),
      label: "reason",
    },
    {
      ...counter("fieldcast_mqtt_dropped_total", "What the broker gave up because a limit was reached", () =>
        droppedBy(broker),
      ),
      label: "what",
    },
    gauge(
      "fieldcast_stream_connections",
      "Open connections of the stream: WebSockets and event streams",
      () => stream()?.connections() ?? 0,
    ),
    {
      ...gauge("fieldcast_transport_info", "Which transport serves", () => ({
        [stream()?.transport ?? "none"]: 1,
      })),
      label: "transport",
    },
    ...commandFigures(commands),
    ...sourceFigures(sources),
    ...insightFigures(insights),
    ...webhookFigures(webhooks),
  ];
}

function commandFigures({ counts }: Commands): Figure[] {
  const outcomes = () => {
    const { answered, failed, unanswered, notConnected, notAllowed, tooMany } = counts;
    return { answered, failed, unanswered, notConnected, notAllowed, tooMany };
  };
  return [
    counter("fieldcast_commands_sent_total", "Commands handed to a device", () => counts.sent),
    {
      ...counter(
        "fieldcast_commands_total",
        "Commands that dashboards asked for, by what came of them",
        outcomes,
      ),
      label: "outcome",
    },
    counter(
      "fieldcast_command_answers_ignored_total",
      "Answers that nobody waited for: late, repeated, from another device",
      () => counts.ignoredAnswers,
    ),
  ];
}

/** What is lost to somebody when a limit of the broker is reached, by what it is. */
function droppedBy(broker: MqttBroker): Record<string, number> {
  const {
    queueDropped,
    readingsSkipped,
    retainRefused,
    sessionsForgotten,
    unreleasedForgotten,
    unreleasedRefused,
  } = broker.stats();
  return {
    queuedMessage: queueDropped,
    retainedMessage: retainRefused,
    session: sessionsForgotten,
    slowReading: readingsSkipped,
    unreleasedForgotten,
    unreleasedRefused,
  };
}

function sourceFigures({ bridges }: Sources): Figure[] {
  const each = (read: (bridge: Bridge) => number) => () =>
    Object.fromEntries(bridges.map((bridge) => [bridge.name, read(bridge)]));
  const label = "source";
  return [
    {
      ...gauge(
        "fieldcast_source_up",
        "1 if the source delivers",
        each((one) => (one.isUp() ? 1 : 0)),
      ),
      label,
    },
    {
      ...counter(
        "fieldcast_source_connections_total",
        "Connections made",
        each((one) => one.stats().connections),
      ),
      label,
    },
    {
      ...counter(
        "fieldcast_source_packets_total",
        "Messages taken",
        each((one) => one.stats().packets),
      ),
      label,
    },
    {
      ...counter(
        "fieldcast_source_bytes_total",
        "Their payloads",
        each((one) => one.stats().bytes),
      ),
      label,
    },
    {
      ...counter(
        "fieldcast_source_acks_total",
        "Messages acknowledged",
        each((one) => one.stats().acks),
      ),
      label,
    },
    {
      ...counter(
        "fieldcast_source_unstored_total",
        "Messages not stored: of QoS 0 they are lost, others come again",
        each((one) => one.stats().unavailable + one.stats().failed),
      ),
      label,
    },
  ];
}

function insightFigures({ figures }: InsightRunner): Figure[] {
  const each = (read: (one: InsightFigures) => number) => () =>
    Object.fromEntries(figures().map((one) => [one.name, read(one)]));
  const label = "insight";
  const total = (name: string, help: string, read: (one: InsightFigures) => number): Figure => ({
    ...counter(`fieldcast_insight_${name}_total`, help, each(read)),
    label,
  });
  return [
    {
      ...gauge(
        "fieldcast_insight_up",
        "1 unless it failed and was stopped",
        each(({ runs }) => (runs ? 1 : 0)),
      ),
      label,
    },
    {
      ...gauge(
        "fieldcast_insight_lag",
        "Readings in the log that it has not seen",
        each(({ lag }) => lag),
      ),
      label,
    },
    total("read", "Readings that it read", ({ read }) => read),
    total("made", "Readings that it made", ({ made }) => made),
    total("refused", "Readings that it made and the log cannot take", ({ refused }) => refused),
    total("missed", "Readings that the ring dropped before it had seen them", ({ missed }) => missed),
  ];
}

function webhookFigures({ figures }: Webhooks): Figure[] {
  const each = (read: (one: WebhookFigures) => number) => () =>
    Object.fromEntries(figures().map((one) => [one.name, read(one)]));
  const label = "webhook";
  const total = (name: string, help: string, read: (one: WebhookFigures) => number): Figure => ({
    ...counter(`fieldcast_webhook_${name}_total`, help, each(read)),
    label,
  });
  return [
    total("delivered", "Readings that its receiver took", ({ delivered }) => delivered),
    total("failed", "Attempts that failed", ({ failed }) => failed),
    total("dropped", "Readings given up", ({ dropped }) => dropped),
    {
      ...gauge(
        "fieldcast_webhook_lag",
        "Readings in the log that it has not seen",
        each(({ lag }) => lag),
      ),
      label,
    },
  ];
}

function counter(name: string, help: string, read: Figure["read"]): Figure {
  return { name, help, kind: "counter", read };
}

function gauge(name: string, help: string, read: Figure["read"]): Figure {
  return { name, help, kind: "gauge", read };
}
