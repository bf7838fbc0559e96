import { BoundedMap, declareLimit } from "./bounded.ts";
import { type NumberField, numberField } from "./fields.ts";
import type { NumberName } from "./vocabulary.ts";

/** What a name in a decoded LoRaWAN payload means. */
export type Meaning =
  | { readonly kind: "lat" | "lon"; readonly field: NumberField; readonly rank: number }
  | { readonly kind: "gps" | "road"; readonly field: NumberField }
  | { readonly kind: "energy"; readonly field: NumberField; readonly channel: string | undefined }
  /** `false` (or `true` for `noFix`) says that the position is none. */
  | { readonly kind: "fix" | "noFix" }
  | { readonly kind: "time" | "battery" | "count" | "history" | "messages" }
  /** An object whose own name adds nothing to the names in it: `gps`, `gps_1`, `data`. */
  | { readonly kind: "container" };

/** Most names whose meaning is remembered; the oldest is forgotten first. */
const nameLimit = declareLimit("uplink-names", 4_096);

/** Longer names are nobody's. */
const maxNameChars = 64;

const known = new BoundedMap<string, Meaning | null>(nameLimit);

/**
 * The meaning of a name, null if it has none for us. Case and separators do not matter: `activePower`, `active_power` and
 * `Active Power` are one name. Only what a name plainly says counts: where it has no unit the usual one is taken for
 * power (W), voltage (V), current (A), speed (km/h) and lengths (m), and none for energy, because Wh and kWh both occur.
 */
export function meaningOf(name: string): Meaning | null {
  let meaning = known.get(name);
  if (meaning === undefined) {
    meaning = name.length > maxNameChars ? null : findMeaning(name.toLowerCase().replace(/[^a-z0-9]+/g, ""));
    known.set(name, meaning);
  }
  return meaning;
}

function findMeaning(name: string): Meaning | null {
  const plain = names.get(name) ?? energyCounter(name);
  if (plain !== undefined) return plain;
  if (/^(?:gps|gnss|gpslocation|location|position)?\d{1,3}$/.test(name)) return { kind: "container" };
  return phaseOf(name);
}

/** A name with a phase (`voltage_l1`, `phase_a_current`) or a number (`power_2`) in it. */
function phaseOf(name: string): Meaning | null {
  const end = /^(.+?)(?:phase|ph)?(l[123]|[abc]|\d{1,2})(kwh|wh|kw|w|mv|v|ma|a|var|va)?$/.exec(name);
  const start = /^(?:(?:phase|ph)([abc123])|(l[123]))(.+)$/.exec(name);
  if (start !== null) {
    const inner = names.get(start[3] as string) ?? energyCounter(start[3] as string);
    if (inner?.kind === "energy") return { ...inner, channel: phaseName(start[1] ?? (start[2] as string)) };
  }
  if (end !== null) {
    const base = `${end[1]}${end[3] ?? ""}`;
    const inner = names.get(base) ?? energyCounter(base);
    if (inner?.kind === "energy") {
      const isPhase = !/^\d/.test(end[2] as string) || name.includes(`phase${end[2]}`);
      return { ...inner, channel: isPhase ? phaseName(end[2] as string) : (end[2] as string) };
    }
  }
  return null;
}

function phaseName(phase: string): string {
  const letter = "abc".indexOf(phase);
  return letter === -1 ? `L${phase.replace("l", "")}` : `L${letter + 1}`;
}

/** Counters with their unit: `energy_kwh`, `total_active_energy_import_wh`, `import_t1_kwh`. */
const counterPattern =
  /^(?:total|active|cumulative|meter)*(?:energy)?(?:active|total)*(import|imported|consumed|consumption|forward|export|exported|produced|production|reverse)?(?:active|energy|total)*(t[12])?(kwh|wh)$/;

const exported: ReadonlySet<string> = new Set(["export", "exported", "produced", "production", "reverse"]);

function energyCounter(name: string): Meaning | undefined {
  const match = counterPattern.exec(name);
  if (match === null) return undefined;
  const direction = exported.has(match[1] ?? "") ? "Export" : "Import";
  const tariff = (match[2] ?? "").toUpperCase() as "" | "T1" | "T2";
  const field = numberField(name, `energy${direction}${tariff}Wh`, match[3] === "kwh" ? 1000 : 1);
  return { kind: "energy", field, channel: undefined };
}

/** The names of one value and the factor to its unit here. */
type Row = readonly [to: NumberName, scale: number, names: string];

const gpsRows: readonly Row[] = [
  ["altM", 1, "altitude alt altitudem altm gpsaltitude gpsalt elevation"],
  ["speedKmh", 1, "speed speedkmh speedkmph speedkph gpsspeed"],
  ["speedKmh", 3.6, "speedms speedmps"],
  ["speedKmh", 1.852, "speedkn speedkts speedknots"],
  ["speedKmh", 1.609344, "speedmph"],
  ["courseDeg", 1, "course coursedeg heading headingdeg bearing cog gpscourse gpsheading"],
  [
    "satellites",
    1,
    "satellites satellite sats sat nsat numsat numsats satcount satellitecount numsatellites",
  ],
  ["satellites", 1, "gpssats gpssatellites nbsatellites satellitesused"],
  ["hdop", 1, "hdop gpshdop"],
  [
    "accuracyM",
    1,
    "accuracy accuracym horizontalaccuracy horizontalaccuracym gpsaccuracy positionaccuracy hacc",
  ],
  ["odometerM", 1, "odometerm"],
  ["odometerM", 1000, "odometerkm"],
  ["batteryPct", 1, "batterypct batterypercent batterypercentage batterylevel batpct batpercent batlevel"],
];

const energyRows: readonly Row[] = [
  ["powerW", 1, "power powerw poweractive activepower activepowerw realpower electricpower totalpower"],
  [
    "powerW",
    1,
    "powertotal totalactivepower activepowertotal instantpower instantaneouspower totalpowerw watts",
  ],
  ["powerW", 1000, "powerkw activepowerkw totalactivepowerkw totalpowerkw"],
  ["apparentPowerVa", 1, "apparentpower apparentpowerva powerapparent totalapparentpower"],
  ["reactivePowerVar", 1, "reactivepower reactivepowervar powerreactive totalreactivepower"],
  ["powerFactor", 1, "powerfactor totalpowerfactor cosphi"],
  ["voltageV", 1, "voltage voltagev volt volts rmsvoltage voltagerms mainsvoltage linevoltage"],
  ["voltageV", 0.001, "voltagemv"],
  ["currentA", 1, "current currenta rmscurrent currentrms"],
  ["currentA", 0.001, "currentma"],
  ["frequencyHz", 1, "gridfrequency acfrequency linefrequency mainsfrequency frequencyhz frequency"],
];

const roadRows: readonly Row[] = [
  ["flowVph", 1, "flowvph vehiclesperhour vehicleflowvph trafficflowvph"],
  ["occupancyPct", 1, "occupancypct occupancypercent occupancypercentage"],
  ["speedKmh", 1, "averagespeed averagespeedkmh avgspeed avgspeedkmh meanspeed meanspeedkmh"],
  ["intervalS", 1, "intervals intervalseconds periods periodseconds intervalsec"],
];

const coordinateRows: readonly (readonly ["lat" | "lon", string])[] = [
  // The longest first: the Dragino LGT-92 calls its lamp `LON`.
  ["lat", "latitude latitudedeg gpslatitude gpslat latdeg lat"],
  ["lon", "longitude longitudedeg gpslongitude gpslon gpslng gpslong londeg lngdeg lng long lon"],
];

const wordRows: readonly (readonly [
  Exclude<Meaning["kind"], "lat" | "lon" | "gps" | "road" | "energy">,
  string,
])[] = [
  [
    "fix",
    "fix gpsfix gnssfix hasfix fixvalid gpsvalid gnssvalid gpsfixvalid positionvalid locationvalid valid fixtype gpsfixtype",
  ],
  // The Browan object locator sends the last place with NoGNSSFix: 1.
  ["noFix", "nofix fixfailed gpsfixfailed nogpsfix nognssfix outdated"],
  ["time", "timestamp time datetime gpstime gpstimestamp fixtime unixtime utctime measuredat recordedat"],
  ["battery", "battery"],
  ["count", "vehiclecount vehicles carcount"],
  ["history", "history"],
  ["messages", "messages"],
  ["container", "gps gnss gpslocation gpsdata gpsposition location position coordinates coords geolocation"],
  ["container", "data decoded decodeddata payload measurements values meter electrical"],
];

const names: ReadonlyMap<string, Meaning> = new Map([
  ...gpsRows.flatMap((row) => entries(row, "gps")),
  ...energyRows.flatMap((row) => entries(row, "energy")),
  ...roadRows.flatMap((row) => entries(row, "road")),
  ...coordinateRows.flatMap(([kind, list]) =>
    list
      .split(" ")
      .map((name, rank): [string, Meaning] => [name, { kind, field: numberField(name, kind), rank }]),
  ),
  ...wordRows.flatMap(([kind, list]) => list.split(" ").map((name): [string, Meaning] => [name, { kind }])),
]);

function entries([to, scale, list]: Row, kind: "gps" | "energy" | "road"): [string, Meaning][] {
  return list.split(" ").map((name) => {
    const field = numberField(name, to, scale);
    return [name, kind === "energy" ? { kind, field, channel: undefined } : { kind, field }];
  });
}
