import type { Topic } from "../log/contract.ts";
import { hasWildcard, matchesFilter } from "../model/filter.ts";
import { NumberSet } from "./number-set.ts";

/** Remembers which topics a filter matches, so that each is compared once. */
export class Matcher {
  readonly filter: string;
  readonly isExact: boolean;
  users = 0;
  private readonly compared = new NumberSet();
  private readonly matching = new NumberSet();

  constructor(filter: string) {
    this.filter = filter;
    this.isExact = !hasWildcard(filter);
  }

  matches(topic: Topic): boolean {
    if (this.isExact) return topic.name === this.filter;
    if (!this.compared.has(topic.id)) {
      this.compared.add(topic.id);
      if (matchesFilter(this.filter, topic.name)) this.matching.add(topic.id);
    }
    return this.matching.has(topic.id);
  }
}
