import { type Domain, domains } from "../model/reading.ts";
import { type Observation, placeWithRoute, Thing } from "./thing.ts";
import { type Place, placeOf } from "./topics.ts";

/** Most things kept; the one that changed longest ago makes room. */
export const maxThings = 10_000;
/** Places of topics are remembered so that a reading costs one look-up; forgotten all at once beyond this. */
const maxPlaces = 20_000;

/** What the page knows: the things of each domain, from the readings so far. It renders nothing and reads no clock. */
export class Things {
  /** In the order of their last change, the oldest first. */
  private readonly byKey = new Map<string, Thing>();
  private readonly byDomain: Record<Domain, Map<string, Thing>>;
  private readonly rowsOfDevice = new Map<string, number>();
  private readonly deviceCounts: Record<Domain, number>;
  private readonly updateCounts: Record<Domain, number>;
  private readonly places = new Map<string, Place | null>();
  private readonly limit: number;
  /** Grows with every reading that changed something. */
  version = 0;
  /** Grows with every thing that came or went. */
  membership = 0;
  /** Grows when all things were forgotten: who kept some has those of another time. */
  generation = 0;

  constructor(limit = maxThings) {
    this.limit = limit;
    this.byDomain = perDomain(() => new Map<string, Thing>());
    this.deviceCounts = perDomain(() => 0);
    this.updateCounts = perDomain(() => 0);
  }

  /** Takes in one reading; those of other first levels (insights) are left out. */
  apply(observation: Observation): void {
    const known = this.place(observation.topic);
    if (!known) return;
    const place = placeWithRoute(known, observation.values);
    let thing = this.byKey.get(place.key);
    if (thing) this.byKey.delete(place.key);
    else thing = this.add(place, observation);
    this.byKey.set(place.key, thing);
    thing.take(place.part, observation);
    this.updateCounts[place.domain]++;
    this.version++;
  }

  /** Forgets all things, as what follows is of another time. What was counted stays counted. */
  clear(): void {
    this.byKey.clear();
    this.rowsOfDevice.clear();
    for (const domain of domains) {
      this.byDomain[domain].clear();
      this.deviceCounts[domain] = 0;
    }
    this.version++;
    this.membership++;
    this.generation++;
  }

  get(key: string): Thing | undefined {
    return this.byKey.get(key);
  }

  of(domain: Domain): ReadonlyMap<string, Thing> {
    return this.byDomain[domain];
  }

  /** How many devices report in a domain (routes, for fares). */
  devices(domain: Domain): number {
    return this.deviceCounts[domain];
  }

  /** How many readings of a domain have been applied so far. */
  updates(domain: Domain): number {
    return this.updateCounts[domain];
  }

  get totalDevices(): number {
    return domains.reduce((sum, domain) => sum + this.deviceCounts[domain], 0);
  }

  get totalUpdates(): number {
    return domains.reduce((sum, domain) => sum + this.updateCounts[domain], 0);
  }

  private add(place: Place, observation: Observation): Thing {
    if (this.byKey.size >= this.limit) this.forget(this.byKey.values().next().value as Thing);
    const thing = new Thing(place, observation);
    this.byDomain[place.domain].set(place.key, thing);
    const rows = this.rowsOfDevice.get(place.device) ?? 0;
    this.rowsOfDevice.set(place.device, rows + 1);
    if (rows === 0) this.deviceCounts[place.domain]++;
    this.membership++;
    return thing;
  }

  private forget(thing: Thing): void {
    this.byKey.delete(thing.key);
    this.byDomain[thing.domain].delete(thing.key);
    const rows = this.rowsOfDevice.get(thing.device) ?? 1;
    if (rows > 1) this.rowsOfDevice.set(thing.device, rows - 1);
    else {
      this.rowsOfDevice.delete(thing.device);
      this.deviceCounts[thing.domain]--;
    }
    this.membership++;
  }

  private place(topic: string): Place | null {
    const known = this.places.get(topic);
    if (known !== undefined) return known;
    if (this.places.size >= maxPlaces) this.places.clear();
    const place = placeOf(topic);
    this.places.set(topic, place);
    return place;
  }
}

function perDomain<Item>(make: () => Item): Record<Domain, Item> {
  return Object.fromEntries(domains.map((domain) => [domain, make()])) as Record<Domain, Item>;
}
