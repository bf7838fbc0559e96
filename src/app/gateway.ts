import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createRouter } from "../formats/registry.ts";
import { RealtimeFeeds } from "../gtfs/realtime-feeds.ts";
import { createHttpHandler } from "../http/routes.ts";
import { ShareBook } from "../http/share-book.ts";
import { loadStaticFiles } from "../http/static.ts";
import { renewWatches } from "../http/watches.ts";
import { type MqttBroker, startBroker } from "../ingest/broker.ts";
import type { Commands } from "../ingest/commands.ts";
import { defaultMqttLimits } from "../ingest/limits.ts";
import type { Log } from "../log/contract.ts";
import { type Clock, steadyClock } from "../model/clock.ts";
import type { MapPlace } from "../model/map-place.ts";
import type { Reply } from "../model/packet.ts";
import type { Logger } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { type InsightRunner, startInsights } from "../pipeline/insight-runner.ts";
import { createNotices, type Notices } from "../pipeline/notices.ts";
import { createPipeline, type Pipeline } from "../pipeline/pipeline.ts";
import { createRetry } from "../pipeline/retry.ts";
import { chooseTransport } from "../stream/choose-transport.ts";
import { defaultStreamOptions } from "../stream/options.ts";
import { type StreamServer, startStream } from "../stream/stream.ts";
import { formatAddress } from "./address.ts";
import { backupFolder } from "./backup-command.ts";
import { joinCommands } from "./commands.ts";
import type { Config } from "./config.ts";
import { routerSettings } from "./context-config.ts";
import { type DeviceConnections, followDeviceConnections } from "./device-connections.ts";
import { gatewayFigures } from "./figures.ts";
import { configuredInsights, mapPlaces, switchedOffInsights } from "./insight-config.ts";
import { gatherTimes, mqttEndpoint, readingSource } from "./mqtt.ts";
import { openConfiguredLog } from "./open-log.ts";
import { type Sources, startSources } from "./sources.ts";
import { listenAs, openAs, StartError } from "./start-error.ts";
import { watchRules } from "./watch-rules.ts";
import { startWebhooks, type Webhooks } from "./webhooks.ts";

/** A running gateway. */
export interface Gateway {
  readonly mqttPort: number;
  readonly httpPort: number;
  readonly transport: string;
  /** Stops taking packets, commits and acknowledges what is under way, tells the clients, and releases everything. */
  close(): Promise<void>;
}

export interface GatewayDependencies {
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Joins the parts: broker → pipeline → log → stream. Nothing else knows more than its neighbours.
 * @throws StartError when a port is taken, the log cannot be opened, or a transport does not load; nothing is left running
 */
export async function startGateway(config: Config, { logger, clock }: GatewayDependencies): Promise<Gateway> {
  const undo: (() => Promise<unknown>)[] = [];
  try {
    const log = await openAs(() => openConfiguredLog(config, clock, logger));
    undo.push(() => log.close());
    const route = createRouter(routerSettings(config));
    const notices = createNotices(log, clock);
    const running: { broker: MqttBroker | null } = { broker: null };
    await renewWatches(log).catch((err) => logger.warn({ err }, "watches could not be renewed"));
    const configured = await configuredInsights(config, logger);
    const insights = startInsights(configured, log, logger, {}, switchedOffInsights(config.insights));
    undo.push(() => insights.close());
    const webhooks = startWebhooks(config.webhooks, {
      log,
      clock,
      steady: steadyClock,
      logger,
      random: Math.random,
    });
    undo.push(() => webhooks.close());
    const connections = watchConnections(config, log, clock);
    undo.push(async () => connections?.close());
    const pipeline = createPipeline(
      route,
      log,
      notices.announce,
      (message) => send(running.broker, message, logger),
      ({ client }, readings) => connections?.onReadings(client, readings),
    );
    const packets = pipeline.recall();
    if (packets > 0) logger.info({ packets }, "the formats know again what they knew before the restart");
    const { commands, onPacket } = joinCommands(config.commands, pipeline, running, clock);
    const listenAt = { host: config.host, port: config.mqtt.port };
    const limits = { ...defaultMqttLimits, ...config.mqtt };
    const broker = await listenAs("mqtt.port", listenAt, () =>
      startBroker({
        ...listenAt,
        limits,
        gather: gatherTimes(config),
        clock,
        logger,
        onPacket,
        onConnection: (client, isOpen) => connections?.onConnection(client, isOpen),
        ...(config.mqtt.normalized && { readings: readingSource(log) }),
      }),
    );
    running.broker = broker;
    undo.push(() => broker.close(0));
    const sources = startSources(config.sources, { onPacket: pipeline.ingest, clock, logger });
    undo.push(() => sources.close(0));
    const places = mapPlaces(configured);
    const parts = { log, pipeline, notices, insights, webhooks, broker, commands, sources, places };
    const stream = await serve(config, { ...parts, clock, logger });
    logger.info(
      {
        mqtt: formatAddress("mqtt", config.host, broker.port),
        transport: stream.transport,
        epoch: log.epoch,
        head: log.head,
      },
      `fieldcast is ready: ${formatAddress("http", config.host, stream.port)}/`,
    );
    return {
      mqttPort: broker.port,
      httpPort: stream.port,
      transport: stream.transport,
      close: () => {
        connections?.close();
        return closeAll(config, parts, stream);
      },
    };
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

/** A format's answer goes to MQTT only, and once: who missed it makes the format ask again. */
function send(broker: MqttBroker | null, { topic, payload }: Reply, logger: Logger): void {
  broker
    ?.publish(topic, Buffer.from(payload), 0, false)
    .catch((err) => logger.warn({ err, topic }, "a device could not be answered"));
}

/** Only presence wants to know. */
function watchConnections(config: Config, log: Log, clock: Clock): DeviceConnections | null {
  return config.insights["presence"]?.enabled ? followDeviceConnections(log, clock) : null;
}

interface Parts {
  readonly log: Log;
  readonly pipeline: Pipeline;
  readonly notices: Notices;
  readonly insights: InsightRunner;
  readonly webhooks: Webhooks;
  readonly broker: MqttBroker;
  readonly commands: Commands;
  readonly sources: Sources;
  readonly places: readonly MapPlace[];
}

async function serve(config: Config, parts: Parts & GatewayDependencies): Promise<StreamServer> {
  const { log, broker, logger } = parts;
  const files = await loadStaticFiles(fileURLToPath(new URL("../../dashboard", import.meta.url)));
  const running: { stream: StreamServer | null } = { stream: null };
  const metrics = createMetrics(gatewayFigures({ ...parts, stream: () => running.stream }));
  const problems = () => {
    const { ok, problem } = log.health();
    return ok ? [] : [problem ?? "the log does not work"];
  };
  const start = await chooseTransport(config.transport, logger).catch((error: Error) => {
    throw new StartError(error.message, { cause: error });
  });
  const feeds = new RealtimeFeeds(log);
  const shares = new ShareBook(log, randomBytes);
  const http = createHttpHandler({
    log,
    files,
    readFeed: (name) => feeds.read(name),
    problems,
    warnings: () => [...parts.sources.warnings(), ...parts.insights.warnings(), ...parts.webhooks.warnings()],
    retryQuarantine: createRetry(log, () => createRouter(routerSettings(config))),
    backupFolder: backupFolder(config),
    places: parts.places,
    shares,
    watches: watchRules(config),
    metrics,
  });
  const { clock, pipeline } = parts;
  const listenAt = { host: config.host, port: config.http.port };
  const options = { ...defaultStreamOptions, ...config.stream };
  running.stream = await listenAs("http.port", listenAt, () =>
    startStream(start, {
      ...listenAt,
      log,
      clock,
      logger,
      http,
      onPublish: pipeline.publish,
      onCommand: parts.commands.send,
      onShared: (token) => shares.follow(token),
      options,
      ...(config.mqtt.websocket && { mqtt: mqttEndpoint(config, broker) }),
    }),
  );
  logger.debug({ mqttPort: broker.port, httpPort: running.stream.port }, "listening");
  return running.stream;
}

async function closeAll(
  config: Config,
  { log, broker, commands, sources, insights, webhooks }: Parts,
  stream: StreamServer,
): Promise<void> {
  commands.close();
  // Devices first: what they were promised is committed before the last readings and the goodbyes go out.
  const graceMs = config.shutdownGraceMs / 2;
  await Promise.all([broker.close(graceMs), sources.close(graceMs)]);
  await insights.close();
  await webhooks.close();
  await stream.close(Math.min(1_000, config.shutdownGraceMs / 2));
  await log.close();
}
