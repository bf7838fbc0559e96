import { type NumberField, numberField } from "./fields.ts";
import { isObject } from "./json-payload.ts";
import { quote } from "./outcome.ts";
import type { Measure } from "./unit-factors.ts";
import { hintsOf, measureOf, scaleOf, wordsOf } from "./units.ts";
import { type NumberName, ranges } from "./vocabulary.ts";

/** What a metric is in the contract. */
export interface Binding {
  readonly field: NumberField;
  readonly domain: "energy" | "gps" | "road";
  readonly channel: string | undefined;
}

/** What `settings.mapping` says of a metric. */
interface MappedMetric {
  readonly to: NumberName;
  readonly scale: number | undefined;
  readonly channel: string | undefined;
}

/** Metrics by name; null where there is no mapping and units and names must tell. */
export type SparkplugMapping = ReadonlyMap<string, MappedMetric> | null;

const gpsNames: ReadonlySet<string> = new Set(
  "lat lon altM speedKmh courseDeg accuracyM batteryPct satellites hdop odometerM".split(" "),
);
const roadNames: ReadonlySet<string> = new Set("flowVph occupancyPct intervalS speedRatio".split(" "));
const energyName = /^(?:power|apparent|reactive|voltage|current|frequency|energy)/;

/**
 * Reads `mapping`: `{"Meter/Power": "powerW", "Meter/Energy": {"field": "energyImportWh", "scale": 1000, "channel": "L1"}}`.
 * @throws Error when it is something else
 */
export function readSparkplugMapping(mapping: unknown): SparkplugMapping {
  if (mapping === undefined || mapping === null) return null;
  if (!isObject(mapping)) throw new Error('mapping: write values by metric, as in {"Meter/Power": "powerW"}');
  const metrics = new Map<string, MappedMetric>();
  for (const [name, raw] of Object.entries(mapping)) {
    const { field, scale, channel } = (isObject(raw) ? raw : { field: raw }) as Readonly<
      Record<string, unknown>
    >;
    if (typeof field !== "string" || !isNumberName(field)) {
      throw new Error(`mapping.${name}: ${quote(field)} is not a value of the contract, such as powerW`);
    }
    if (scale !== undefined && (typeof scale !== "number" || !Number.isFinite(scale) || scale === 0)) {
      throw new Error(`mapping.${name}.scale: ${quote(scale)} is not a factor`);
    }
    if (channel !== undefined && (typeof channel !== "string" || channel === "")) {
      throw new Error(`mapping.${name}.channel: ${quote(channel)} is not a name`);
    }
    metrics.set(name, { to: field, scale, channel });
  }
  return metrics;
}

function isNumberName(name: string): name is NumberName {
  return Object.hasOwn(ranges, name) && (gpsNames.has(name) || roadNames.has(name) || energyName.test(name));
}

/** What a metric is, by the mapping or, without one, by its unit and name; null if it is nothing of ours. */
export function bindMetric(
  name: string,
  unit: string | undefined,
  mapping: SparkplugMapping,
): Binding | null {
  const hints = hintsOf(name);
  if (mapping === null) {
    const measure = positionMeasure(name, unit) ?? (unit === undefined ? undefined : measureOf(unit, hints));
    if (measure === undefined) return null;
    const isGps = gpsNames.has(measure.to);
    return binding(name, measure, isGps ? "gps" : "energy", isGps ? undefined : hints.channel);
  }
  const mapped = mapping.get(name);
  if (mapped === undefined) return null;
  // A mapping that leaves the factor open trusts the unit that the device announced.
  const scale = mapped.scale ?? (unit === undefined ? undefined : scaleOf(unit, mapped.to)) ?? 1;
  return binding(
    name,
    { to: mapped.to, scale },
    domainOf(mapped.to, mapping),
    mapped.channel ?? hints.channel,
  );
}

function binding(
  name: string,
  { to, scale }: Measure,
  domain: Binding["domain"],
  channel: string | undefined,
): Binding {
  return { field: numberField(name, to, scale), domain, channel };
}

function domainOf(to: NumberName, mapping: ReadonlyMap<string, MappedMetric>): Binding["domain"] {
  if (roadNames.has(to)) return "road";
  if (!gpsNames.has(to)) return "energy";
  const isRoad = to === "speedKmh" && [...mapping.values()].some((other) => roadNames.has(other.to));
  return isRoad ? "road" : "gps";
}

const latWords: ReadonlySet<string> = new Set(["lat", "latitude"]);
const lonWords: ReadonlySet<string> = new Set(["lon", "lng", "longitude"]);

/** Positions are known by name: degrees stand there without a unit as often as not. */
function positionMeasure(name: string, unit: string | undefined): Measure | undefined {
  const last = wordsOf(name).at(-1) ?? "";
  if (latWords.has(last)) return { to: "lat", scale: 1 };
  if (lonWords.has(last)) return { to: "lon", scale: 1 };
  if (last === "speed" && unit === "km/h") return { to: "speedKmh", scale: 1 };
  if (last === "speed" && unit === "m/s") return { to: "speedKmh", scale: 3.6 };
  if (last === "altitude" && unit === "m") return { to: "altM", scale: 1 };
  if (last === "heading" || last === "course") return { to: "courseDeg", scale: 1 };
  return undefined;
}

/**
 * The bindings of all metrics of a birth. Where several would be the same value of the same channel, the path before the
 * metric's own name tells them apart, or else the whole name.
 */
export function separate(
  bindings: readonly (readonly [name: string, binding: Binding])[],
): Map<string, Binding> {
  const byParent = channelsBy(bindings, (name, channel, isAlone) => (isAlone ? channel : parentOf(name)));
  return new Map(channelsBy(byParent, (name, channel, isAlone) => (isAlone ? channel : name)));
}

type NamedBinding = readonly [name: string, binding: Binding];

function channelsBy(
  bindings: readonly NamedBinding[],
  choose: (name: string, channel: string | undefined, isAlone: boolean) => string | undefined,
): NamedBinding[] {
  const counts = new Map<string, number>();
  for (const [, one] of bindings) counts.set(subjectOf(one), (counts.get(subjectOf(one)) ?? 0) + 1);
  return bindings.map(([name, one]) => {
    const channel = choose(name, one.channel, counts.get(subjectOf(one)) === 1);
    return [name, { ...one, channel }];
  });
}

function subjectOf({ field, channel }: Binding): string {
  return `${field.to}\n${channel ?? ""}`;
}

function parentOf(name: string): string | undefined {
  const end = name.lastIndexOf("/");
  return end > 0 ? name.slice(0, end) : undefined;
}
