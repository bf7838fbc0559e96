import { BoundedMap, declareLimit } from "./bounded.ts";
import { type Measure, measures } from "./unit-factors.ts";
import type { NumberName } from "./vocabulary.ts";

/** What a name says beside the unit: direction, tariff, phase, input. */
export interface NameHints {
  /** Given to the grid, or produced. */
  readonly isExport: boolean;
  /** The counter begins anew every day, month or so: no running counter. */
  readonly isPeriodic: boolean;
  /** 0 if the name tells none. */
  readonly tariff: 0 | 1 | 2;
  /** `L1` to `L3` for a phase, the number of an input; undefined if the name tells none. */
  readonly channel: string | undefined;
  /** True if every word of the name says what is measured and none says where. */
  readonly isPlain: boolean;
}

const exportWords: ReadonlySet<string> = new Set(
  "export exported exports produced production producing generated generation returned return injected injection feedin sold".split(
    " ",
  ),
);

const periodWords: ReadonlySet<string> = new Set(
  "today yesterday daily day hourly hour weekly week monthly month yearly year annual period".split(" "),
);

const quantityWords: ReadonlySet<string> = new Set(
  (
    "power active reactive apparent act aprt energy electric electrical electricity voltage volt volts current amp amps " +
    "ampere frequency freq factor pf cosphi import imported consumption consumed total sum counter value rms net " +
    "k w wh kw kwh v a va var hz p u i e f s q " +
    [...exportWords].join(" ")
  ).split(" "),
);

/** Words that a number of an input follows, as in `channel 2`. */
const inputWords: ReadonlySet<string> = new Set(
  "channel ch input in output out relay switch port circuit ct".split(" "),
);

const phaseLetters = "abc";
const numbered = /^([a-z]*)(\d{1,2})$/;

/** Most names whose hints are remembered; the oldest is forgotten first. */
const nameLimit = declareLimit("unit-names", 10_000);
const knownNames = new BoundedMap<string, NameHints>(nameLimit);

/** What a name's words tell: `Meter/L1/ExportPower`, `power1`, `energy_import_t2`. */
export function hintsOf(name: string): NameHints {
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  const hints = readHints(wordsOf(name));
  knownNames.set(name, hints);
  return hints;
}

/** The words of a name in lower case, at separators and inner capitals: `ActivePower L1` is active, power, l1. */
export function wordsOf(name: string): string[] {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2");
  return spaced
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
}

function readHints(words: readonly string[]): NameHints {
  let tariff: 0 | 1 | 2 = 0;
  let phase: string | undefined;
  let input: string | undefined;
  let isPlain = true;
  for (const [at, word] of words.entries()) {
    const before = words[at - 1] ?? "";
    const found = numbered.exec(word);
    // `power 1` and `phase_2` are read as `power1` and `phase2`.
    const stem = found === null ? "" : found[1] === "" ? before : (found[1] as string);
    const number = found === null ? "" : String(Number(found[2]));
    if ((before === "phase" || before === "ph") && word.length === 1 && phaseLetters.includes(word)) {
      phase = `L${phaseLetters.indexOf(word) + 1}`;
    } else if (isTariff(stem, number)) tariff = number === "1" ? 1 : 2;
    else if (isPhase(stem, number)) phase = `L${number}`;
    else if (quantityWords.has(stem) || inputWords.has(stem)) input = number;
    else if (!quantityWords.has(word)) isPlain = isPlain && isLabel(word);
  }
  return {
    isExport: hasExport(words),
    isPeriodic: words.some((word) => periodWords.has(word)),
    tariff,
    channel: phase ?? input,
    isPlain,
  };
}

/** Words that announce a phase, tariff or input whose number follows. */
function isLabel(word: string): boolean {
  return word === "phase" || word === "ph" || word === "l" || word === "tariff" || inputWords.has(word);
}

function isTariff(stem: string, number: string): boolean {
  return (stem === "t" || stem === "tariff") && (number === "1" || number === "2");
}

function isPhase(stem: string, number: string): boolean {
  return (
    (stem === "l" || stem === "phase" || stem === "ph") &&
    number >= "1" &&
    number <= "3" &&
    number.length === 1
  );
}

function hasExport(words: readonly string[]): boolean {
  return words.some((word, at) => exportWords.has(word) || (word === "feed" && words[at + 1] === "in"));
}

const importTariffs = ["energyImportWh", "energyImportT1Wh", "energyImportT2Wh"] as const;
const exportTariffs = ["energyExportWh", "energyExportT1Wh", "energyExportT2Wh"] as const;

/**
 * What a number in `unit` under a name with these hints is; undefined where the contract has no place for it (another
 * unit, a counter that begins anew every day). Power that is given away is negative by contract.
 */
export function measureOf(unit: string, hints: NameHints): Measure | undefined {
  const measure = measures.get(unit);
  if (measure === undefined) return undefined;
  if (measure.to === "energyImportWh") {
    if (hints.isPeriodic) return undefined;
    return { to: (hints.isExport ? exportTariffs : importTariffs)[hints.tariff], scale: measure.scale };
  }
  if (measure.to === "powerW" && hints.isExport) return { to: "powerW", scale: -measure.scale };
  return measure;
}

/** The factor from `unit` to the unit of `to`, where both measure the same; undefined otherwise. */
export function scaleOf(unit: string, to: NumberName): number | undefined {
  const measure = measures.get(unit);
  if (measure === undefined) return undefined;
  return measure.to === to || (measure.to === "energyImportWh" && isEnergy(to)) ? measure.scale : undefined;
}

function isEnergy(name: NumberName): boolean {
  return name.startsWith("energy");
}
