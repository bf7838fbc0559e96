import type { ContestantName } from "./contestants.ts";

interface Common {
  /** As `--only` names it and as it stands in the JSON lines. */
  readonly name: string;
  readonly title: string;
  /** The first is Fieldcast, the second the baseline of the ratios. */
  readonly contestants: readonly ContestantName[];
}

export interface Devices {
  readonly devices: number;
  /** Of all devices together. */
  readonly readingsPerSecond: number;
  /** Readings that a device sends in one write. */
  readonly burst: number;
  readonly qos: 0 | 1;
}

export interface IngestScenario extends Common, Devices {
  readonly kind: "ingest";
}

export interface FanoutScenario extends Common, Devices {
  readonly kind: "fanout";
  readonly dashboards: number;
  readonly watch: "everything" | "device";
  /** So many dashboards measure latency; few where each gets much, so that measuring costs little. */
  readonly aged: number;
}

export interface IdleScenario extends Common {
  readonly kind: "idle";
  readonly dashboards: number;
}

/** Dashboards that a restart drops at once come back at once. */
export interface ResumeScenario extends Common {
  readonly kind: "resume";
  readonly dashboards: number;
  readonly devices: number;
  /** Readings that the dashboards missed. */
  readonly missed: number;
}

/** Dashboards that follow everything, beside some that read nothing. */
export interface StalledScenario extends Common {
  readonly kind: "stalled";
  readonly dashboards: number;
  readonly devices: number;
  readonly readingsPerSecond: number;
}

export type Scenario = IngestScenario | FanoutScenario | IdleScenario | ResumeScenario | StalledScenario;

const ingesters = ["fieldcast", "aedes"] as const;
const servers = ["fieldcast", "aedes-uws", "uws", "uws-batched", "ws", "ws-batched"] as const;

/** All scenarios in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  ingest("ingest-qos0", "2,000 devices, each 1 reading/s, QoS 0", 2_000, 2_000, 1, 0),
  ingest("ingest-qos1", "2,000 devices, each 1 reading/s, QoS 1", 2_000, 2_000, 1, 1),
  ingest(
    "ingest-qos0-pipelined",
    "20 devices, each 500 readings/s in writes of 10, QoS 0",
    20,
    10_000,
    10,
    0,
  ),
  ingest(
    "ingest-qos1-pipelined",
    "20 devices, each 500 readings/s in writes of 10, QoS 1",
    20,
    10_000,
    10,
    1,
  ),
  fanout("all-to-50", "2,000 devices, each 1 reading/s, to 50 dashboards on everything", {
    devices: 2_000,
    readingsPerSecond: 2_000,
    dashboards: 50,
    watch: "everything",
    aged: 10,
  }),
  fanout("fast-one-to-1000", "one device, 200 readings/s, to 1,000 dashboards", {
    devices: 1,
    readingsPerSecond: 200,
    dashboards: 1_000,
    watch: "device",
    aged: 20,
  }),
  fanout("one-to-1000", "one device, 20 readings/s, to 1,000 dashboards", {
    devices: 1,
    readingsPerSecond: 20,
    dashboards: 1_000,
    watch: "device",
    aged: 100,
  }),
  fanout("each-its-own", "2,000 devices, each 1 reading/s, to 2,000 dashboards, each on its own device", {
    devices: 2_000,
    readingsPerSecond: 2_000,
    dashboards: 2_000,
    watch: "device",
    aged: 2_000,
  }),
  {
    kind: "idle",
    name: "idle",
    title: "1,000 more subscribed dashboards, no readings",
    contestants: ["fieldcast", "uws", "ws"],
    dashboards: 1_000,
  },
  {
    kind: "resume",
    name: "resume-5000",
    title:
      "5,000 dashboards come back at once to a gateway that was killed, each from its cursor, 4,000 readings later",
    contestants: ["fieldcast", "ws-echo", "fieldcast-ws"],
    dashboards: 5_000,
    devices: 200,
    missed: 4_000,
  },
  {
    kind: "stalled",
    name: "stalled-reader",
    title: "200 dashboards on 300 readings/s, without and with one and ten beside them that read nothing",
    contestants: ["fieldcast", "fieldcast-ws"],
    dashboards: 200,
    devices: 200,
    readingsPerSecond: 300,
  },
];

function ingest(
  name: string,
  title: string,
  devices: number,
  readingsPerSecond: number,
  burst: number,
  qos: 0 | 1,
): IngestScenario {
  return { kind: "ingest", name, title, contestants: ingesters, devices, readingsPerSecond, burst, qos };
}

function fanout(
  name: string,
  title: string,
  shape: Pick<FanoutScenario, "devices" | "readingsPerSecond" | "dashboards" | "watch" | "aged">,
): FanoutScenario {
  return { kind: "fanout", name, title, contestants: servers, burst: 1, qos: 0, ...shape };
}

/** Files that one process has open beside the sockets of the scenario. */
const spareFiles = 200;

/**
 * The scenario as far as `openFiles` lets one process hold its sockets: all numbers of devices, dashboards and readings
 * shrink alike, and the title says so.
 */
export function fitToOpenFiles(scenario: Scenario, openFiles: number): Scenario {
  const devices = scenario.kind === "idle" || scenario.kind === "resume" ? 0 : scenario.devices;
  const dashboards = scenario.kind === "ingest" ? 0 : scenario.dashboards;
  const share = (openFiles - spareFiles) / (devices + dashboards);
  if (share >= 1) return scenario;
  const scaled = (count: number) => Math.max(1, Math.floor(count * share));
  const title = `${scenario.title} (SCALED to ${Math.floor(share * 100)} %: ulimit -n is ${openFiles})`;
  if (scenario.kind === "idle" || scenario.kind === "resume")
    return { ...scenario, title, dashboards: scaled(dashboards) };
  const fewer = { title, devices: scaled(devices), readingsPerSecond: scaled(scenario.readingsPerSecond) };
  if (scenario.kind === "ingest") return { ...scenario, ...fewer };
  return { ...scenario, ...fewer, dashboards: scaled(dashboards) };
}
