import type { MqttBroker } from "../ingest/broker.ts";
import type { Log } from "../log/contract.ts";
import type { Figure } from "../observe/metrics.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import type { StreamServer } from "../stream/stream.ts";

interface Sources {
  readonly log: Log;
  readonly pipeline: Pipeline;
  readonly broker: MqttBroker;
  /** Null until it listens. */
  readonly stream: () => StreamServer | null;
}

/** What `/metrics` tells about the gateway, beside the process's own figures. */
export function gatewayFigures({ log, pipeline, broker, stream }: Sources): Figure[] {
  const { counts } = pipeline;
  return [
    counter("fieldcast_packets_total", "Packets that devices published", () => counts.packets),
    counter("fieldcast_readings_total", "Readings handed to the log", () => counts.readings),
    counter("fieldcast_quarantined_total", "Packets that went to quarantine", () => counts.quarantined),
    counter("fieldcast_silent_packets_total", "Packets with nothing to say", () => counts.silent),
    gauge("fieldcast_log_head", "Sequence number of the newest reading", () => log.head),
    gauge("fieldcast_log_oldest", "Sequence number of the oldest reading kept", () => log.oldest),
    gauge("fieldcast_log_ok", "1 if the log takes readings", () => (log.health().ok ? 1 : 0)),
    gauge("fieldcast_mqtt_connections", "Open MQTT connections", () => broker.connections()),
    {
      ...counter("fieldcast_mqtt_refused_total", "Refused by the broker", () => ({
        ...broker.stats().refused,
      })),
      label: "reason",
    },
    gauge("fieldcast_stream_connections", "Open WebSocket connections", () => stream()?.connections() ?? 0),
    {
      ...gauge("fieldcast_transport_info", "Which transport serves", () => ({
        [stream()?.transport ?? "none"]: 1,
      })),
      label: "transport",
    },
  ];
}

function counter(name: string, help: string, read: Figure["read"]): Figure {
  return { name, help, kind: "counter", read };
}

function gauge(name: string, help: string, read: Figure["read"]): Figure {
  return { name, help, kind: "gauge", read };
}
