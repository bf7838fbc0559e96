import { randomBytes } from "node:crypto";
import { readJsonObject } from "../formats/json-payload.ts";
import type { MqttBroker } from "../ingest/broker.ts";
import { type CommandSettings, Commands, isCommandTopic } from "../ingest/commands.ts";
import type { OnPacket } from "../ingest/intake.ts";
import type { Clock } from "../model/clock.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";

/** Whoever does not see a command cannot guess its id and answer in the device's place. */
const correlationBytes = 16;

/** Joins commands, broker and pipeline. `onPacket` takes what devices publish; the broker may come to run later. */
export function joinCommands(
  settings: CommandSettings,
  pipeline: Pick<Pipeline, "ingest" | "quarantine">,
  running: { readonly broker: MqttBroker | null },
  clock: Clock,
): { readonly commands: Commands; readonly onPacket: OnPacket } {
  const commands = new Commands({
    settings,
    clock,
    newId: () => randomBytes(correlationBytes).toString("base64url"),
    deliver: async (topic, payload) => running.broker?.deliver(topic, payload) ?? 0,
    readJsonObject,
    quarantine: pipeline.quarantine,
  });
  const onPacket: OnPacket = (packet) =>
    isCommandTopic(packet.topic) ? commands.take(packet) : pipeline.ingest(packet);
  return { commands, onPacket };
}
