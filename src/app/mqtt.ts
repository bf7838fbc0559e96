import type { MqttBroker } from "../ingest/broker.ts";
import type { GatherTimes } from "../ingest/intake.ts";
import type { ReadingSource } from "../ingest/normalized.ts";
import type { Log } from "../log/contract.ts";
import { defaultStreamOptions } from "../stream/options.ts";
import type { MqttEndpoint } from "../stream/stream.ts";
import { readingJson } from "../wire/frames.ts";
import type { Config } from "./config.ts";
import { commitGatherMs } from "./open-log.ts";

/** The readings of `log` for MQTT subscribers, in the words of the stream's JSON. */
export function readingSource(log: Log): ReadingSource {
  return {
    onCommitted: (listener) => log.onCommitted(listener),
    latestPage: (filter, after, limit) => log.latestPage(filter, after, limit),
    toJson: (reading) => {
      const { seq, topic, time, values, attrs } = reading;
      const times = "times" in reading ? reading.times : null;
      const extras = { ...(times && { times }), ...(attrs && { attrs }) };
      return readingJson({ seq, topic: topic.name, time, values, ...extras });
    },
  };
}

/** What nobody waits for would only wait for the dashboards' window; but a crash must not lose much of it. */
const maxQos0Ms = 100;

/** What is left of that window for decoding and the push, milliseconds. */
const pushMs = 6;

/** How long packets gather: no longer than they would wait for their commit, or their push, in any case. */
export function gatherTimes(config: Config): GatherTimes {
  const qos1Ms = commitGatherMs(config);
  return { qos1Ms, qos0Ms: Math.max(qos1Ms, Math.min(config.stream.batchMs, maxQos0Ms) - pushMs) };
}

/** A WebSocket is one more stream to the broker. A frame may hold the largest packet and a little of the next. */
export function mqttEndpoint(config: Config, broker: MqttBroker): MqttEndpoint {
  return {
    maxMessageBytes: config.mqtt.maxPacketBytes + defaultStreamOptions.maxMessageBytes,
    accept: (stream, remote) => broker.handle(stream, remote),
  };
}
