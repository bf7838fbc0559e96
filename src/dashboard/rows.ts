import type { Domain } from "../model/reading.ts";
import type { Thing } from "./thing.ts";
import type { Things } from "./things.ts";

/** A thing sinks to the end of its list when it has been silent for so many of its own intervals, … */
const sinkIntervals = 10;
/** … but not before this. Rows that jump about are worse than a late one that stays. */
const minSinkMs = 60_000;
/** The order is made anew at most this often. */
const reorderMs = 1_000;

const byName = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** The order of a domain's rows: what reports before what went silent, and by name within, so that rows keep still. */
export class Rows {
  private readonly things: Things;
  private readonly domain: Domain;
  private sorted: Thing[] = [];
  private membership = -1;
  private rows: readonly Thing[] = [];
  private madeAt = Number.NEGATIVE_INFINITY;
  private generation = -1;
  private filter = "";

  constructor(things: Things, domain: Domain) {
    this.things = things;
    this.domain = domain;
  }

  /** The things whose name matches what was typed, in order. */
  list(filter: string, now: number): readonly Thing[] {
    const isOfNow = this.generation === this.things.generation && now >= this.madeAt;
    const isFresh = isOfNow && now - this.madeAt < reorderMs && this.rows.length > 0;
    if (isFresh && filter === this.filter) return this.rows;
    this.generation = this.things.generation;
    this.madeAt = now;
    this.filter = filter;
    this.sort();
    const matching = this.sorted.filter((thing) => matchesName(thing, filter));
    const silent = new Set(matching.filter((thing) => isSilent(thing, now)));
    this.rows = [...matching.filter((thing) => !silent.has(thing)), ...silent];
    return this.rows;
  }

  private sort(): void {
    if (this.things.membership === this.membership) return;
    this.membership = this.things.membership;
    this.sorted = [...this.things.of(this.domain).values()].sort((a, b) => byName.compare(a.name, b.name));
  }
}

function isSilent(thing: Thing, now: number): boolean {
  return now - thing.time > Math.max(minSinkMs, sinkIntervals * (thing.rhythmMs ?? 0));
}

/** Whether a thing is meant by what was typed: part of its name, its topic or its route. */
export function matchesName(thing: Thing, filter: string): boolean {
  if (filter === "") return true;
  const wanted = filter.trim().toLowerCase();
  const texts = [thing.name, thing.topic, thing.text("routeId") ?? ""];
  return texts.some((text) => text.toLowerCase().includes(wanted));
}
