import type { ContestantName } from "./contestants.ts";

interface Common {
  /** As `--only` names it and as it stands in the JSON lines. */
  readonly name: string;
  readonly title: string;
  /** The first is Fieldcast, the second the baseline of the ratios. */
  readonly contestants: readonly ContestantName[];
  /** Those that run with `--quick`; none: the scenario is left out then. */
  readonly quick: readonly ContestantName[];
  /** Fieldcast's settings where they are not the default. */
  readonly settings?: readonly string[];
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
  /** `wild`: everything, by so many different filters. */
  readonly watch: "everything" | "device" | "wild";
  readonly filters?: number;
  /** So many dashboards measure latency; few where each gets much, so that measuring costs little. */
  readonly aged: number;
}

/** The same deliveries with more and more of something else: each point is measured with each contestant. */
export interface CurveScenario extends Common {
  readonly kind: "curve";
  /** A point's `name` is what there is more of, in words. */
  readonly points: readonly FanoutScenario[];
}

export interface IdleScenario extends Common {
  readonly kind: "idle";
  /** Measured with so many first, and then with so many in all. */
  readonly some: number;
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

/** What one run can measure. */
export type RunScenario = IngestScenario | FanoutScenario | IdleScenario | ResumeScenario | StalledScenario;
export type Scenario = RunScenario | CurveScenario;

type FanoutShape = Pick<FanoutScenario, "devices" | "readingsPerSecond" | "dashboards" | "watch" | "aged"> &
  Partial<Pick<FanoutScenario, "qos" | "filters" | "contestants" | "quick" | "settings">>;

const everyone = [
  "fieldcast",
  "aedes-uws",
  "uws",
  "uws-batched",
  "aedes-ws",
  "mosquitto",
  "nats",
  "redis-ws",
] as const;
const everything = {
  devices: 2_000,
  readingsPerSecond: 2_000,
  dashboards: 50,
  watch: "everything",
  aged: 10,
} as const;
const fromOne = { devices: 1, dashboards: 1_000, watch: "device" } as const;

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
    ...everything,
    quick: ["fieldcast", "aedes-uws"],
  }),
  fanout("all-to-50-qos1", "the same at QoS 1, acknowledged after the commit", {
    ...everything,
    qos: 1,
    contestants: ["fieldcast", "aedes-uws", "mosquitto", "nats"],
    quick: ["fieldcast"],
  }),
  fanout("all-to-50-now", "the same at QoS 0 without a batch window", {
    ...everything,
    contestants: ["fieldcast", "aedes-uws"],
    settings: ["stream.batchMs=0"],
  }),
  fanout("fast-one-to-1000", "one device, 200 readings/s, to 1,000 dashboards", {
    ...fromOne,
    readingsPerSecond: 200,
    aged: 20,
    quick: ["fieldcast"],
  }),
  fanout("one-to-1000", "one device, 20 readings/s, to 1,000 dashboards", {
    ...fromOne,
    readingsPerSecond: 20,
    aged: 100,
    contestants: [
      "fieldcast",
      "uws",
      "aedes-uws",
      "uws-batched",
      "aedes-ws",
      "mosquitto",
      "nats",
      "redis-ws",
    ],
    quick: ["fieldcast"],
  }),
  fanout("each-its-own", "2,000 devices, each 1 reading/s, to 2,000 dashboards, each on its own device", {
    devices: 2_000,
    readingsPerSecond: 2_000,
    dashboards: 2_000,
    watch: "device",
    aged: 2_000,
    quick: ["fieldcast", "aedes-uws"],
  }),
  {
    kind: "idle",
    name: "idle",
    title: "1,000 and 5,000 subscribed dashboards, no readings",
    contestants: ["fieldcast", "uws", "aedes-ws", "mosquitto", "nats"],
    quick: ["fieldcast"],
    some: 1_000,
    dashboards: 5_000,
  },
  {
    kind: "curve",
    name: "more-devices",
    title: "2,000 readings/s to 50 dashboards on everything, from more and more devices",
    contestants: ["fieldcast", "aedes-uws"],
    quick: [],
    points: [1_000, 3_000, 10_000].map((devices) =>
      point(`${count(devices)} devices`, { ...everything, devices }),
    ),
  },
  {
    kind: "curve",
    name: "more-filters",
    title: "100 readings/s to 1,000 dashboards on everything, by more and more different filters",
    contestants: ["fieldcast"],
    quick: [],
    points: [10, 100, 1_000].map((filters) =>
      point(`${count(filters)} filters`, {
        devices: 100,
        readingsPerSecond: 100,
        dashboards: 1_000,
        watch: "wild",
        filters,
        aged: 20,
      }),
    ),
  },
  {
    kind: "resume",
    name: "resume-5000",
    title:
      "5,000 dashboards come back at once to a gateway that was killed, each from its cursor, 4,000 readings later",
    contestants: ["fieldcast", "ws-echo", "fieldcast-ws"],
    quick: [],
    dashboards: 5_000,
    devices: 200,
    missed: 4_000,
  },
  {
    kind: "stalled",
    name: "stalled-reader",
    title: "200 dashboards on 300 readings/s, without and with one and ten beside them that read nothing",
    contestants: ["fieldcast", "fieldcast-ws"],
    quick: [],
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
  const contestants = ["fieldcast", "aedes"] as const;
  const quick = burst === 1 && qos === 0 ? contestants : [];
  return { kind: "ingest", name, title, contestants, quick, devices, readingsPerSecond, burst, qos };
}

function fanout(name: string, title: string, shape: FanoutShape): FanoutScenario {
  return { kind: "fanout", name, title, contestants: everyone, quick: [], burst: 1, qos: 0, ...shape };
}

function point(name: string, shape: FanoutShape): FanoutScenario {
  return fanout(name, name, shape);
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Files that one process has open beside the sockets of the scenario. */
const spareFiles = 200;

/**
 * The scenario as far as `openFiles` lets one process hold its sockets: all numbers of devices, dashboards and readings
 * shrink alike, and the title says so.
 */
export function fitToOpenFiles<Some extends Scenario>(scenario: Some, openFiles: number): Some {
  const share = (openFiles - spareFiles) / socketsOf(scenario);
  if (share >= 1) return scenario;
  const title = `${scenario.title} (SCALED to ${Math.floor(share * 100)} %: ulimit -n is ${openFiles})`;
  if (scenario.kind !== "curve") return { ...shrink(scenario, share), title } as Some;
  // Each point by itself: a curve with fewer points that are right is worth more than one with other numbers.
  const points = scenario.points.filter((one) => socketsOf(one) + spareFiles <= openFiles);
  const kept = points.length > 0 ? points : scenario.points.slice(0, 1).map((one) => shrink(one, share));
  return { ...scenario, title, points: kept };
}

/** The most sockets of a scenario that are open in one process. */
export function socketsOf(scenario: Scenario): number {
  if (scenario.kind === "curve") return Math.max(...scenario.points.map(socketsOf));
  const devices = scenario.kind === "idle" || scenario.kind === "resume" ? 0 : scenario.devices;
  return devices + (scenario.kind === "ingest" ? 0 : scenario.dashboards);
}

function shrink<Some extends RunScenario>(scenario: Some, share: number): Some {
  const scaled = (value: number) => Math.max(1, Math.floor(value * share));
  const names = ["devices", "readingsPerSecond", "dashboards", "some"] as const;
  const all: Partial<Record<string, unknown>> = { ...scenario };
  const fewer = names.flatMap((name) => {
    const value = all[name];
    const isKept = name === "devices" && scenario.kind === "resume";
    return typeof value === "number" && !isKept ? [[name, scaled(value)] as const] : [];
  });
  return { ...scenario, ...Object.fromEntries(fewer) };
}
