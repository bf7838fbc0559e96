import type { Log, LogRecord, Topic } from "../log/contract.ts";
import type { Clock } from "../model/clock.ts";
import { Budget } from "./budget.ts";
import { Gate } from "./gate.ts";
import { Group, groupKey } from "./group.ts";
import { Matcher } from "./matcher.ts";
import { Metronome } from "./metronome.ts";
import type { StreamOptions } from "./options.ts";
import type { Subscription } from "./subscription.ts";
import type { Told } from "./told.ts";

/** How many subscriptions behind the head get a page in one turn of the event loop, so that live traffic goes on. */
const advancesPerTurn = 8;
/** After so long a turn ends earlier: a page takes a millisecond to encode. */
const maxTurnMs = 2;

/** What has waited for all of its window but this share leaves at once. */
const shortestShare = 0.2;

/** Look-ups of earlier times at a time, so that they leave the store to others. */
const maxLookUps = 4;

/** Topics whose wildcard groups are remembered. */
const maxRoutes = 200_000;

/**
 * Pushes what the log commits to everyone at the head, gathered over a short window, and gives those behind the head
 * their turns. It is fed by the log alone.
 */
export class Hub {
  readonly log: Log;
  readonly options: StreamOptions;
  readonly clock: Clock;
  /** Wakes replays. */
  readonly metronome: Metronome<Subscription>;
  /** What all replays together may hold. */
  readonly replayMemory: Budget;
  readonly lookUps: Gate<Subscription>;
  /** Everything up to here has been pushed; the cursor of every subscription at the head. */
  position: number;
  private readonly groups = new Map<string, Group>();
  /** Groups whose filter is the name of a topic, by that name. */
  private readonly exactGroups = new Map<string, Group[]>();
  /** Groups with a wildcard, in the order of their numbers. */
  private wildcardGroups: Group[] = [];
  /** The wildcard groups that want a topic, by its name; brought up to date when the topic is next seen. */
  private readonly routes = new Map<string, Route>();
  private lastGroupNumber = 0;
  private readonly matchers = new Map<string, Matcher>();
  private window: LogRecord[] = [];
  private windowTimer: NodeJS.Timeout | null = null;
  private windowEndsAt = 0;
  /** True while a window has just been pushed, so that the next one gathers for its full length. */
  private gathering = false;
  private turnPlanned = false;
  private readonly turns = new Set<Subscription>();
  /** Ahead of `position` because they started inside the current window. */
  private readonly early = new Set<Subscription>();
  private readonly stopListening: () => void;

  constructor(log: Log, options: StreamOptions, clock: Clock) {
    this.log = log;
    this.options = options;
    this.clock = clock;
    this.metronome = new Metronome(clock, (subscription) => this.advanceSoon(subscription));
    this.replayMemory = new Budget(options.maxReplayBytes);
    this.lookUps = new Gate(maxLookUps, (subscription) => this.advanceSoon(subscription));
    this.position = log.head;
    this.stopListening = log.onCommitted((records, waitedMs) => this.gather(records, waitedMs));
  }

  /** Stops following the log. */
  close(): void {
    this.stopListening();
    this.metronome.close();
    if (this.windowTimer) clearTimeout(this.windowTimer);
    for (const group of this.groups.values()) group.close();
    this.turns.clear();
    this.early.clear();
  }

  /** Makes a subscription at the head a receiver of the push. */
  join(subscription: Subscription, cursor: number): void {
    if (cursor > this.position) {
      this.early.add(subscription);
      return;
    }
    const key = groupKey(subscription);
    let group = this.groups.get(key);
    if (!group) {
      group = new Group(subscription, this.log, ++this.lastGroupNumber, this.options, (due) =>
        this.tick(due),
      );
      this.groups.set(key, group);
      this.addRoutes(group);
    }
    if (group.isHolding) {
      group.late.add(subscription);
      return;
    }
    group.add(subscription);
    subscription.arrived(group);
  }

  /** Takes a live subscription out of the push, and says with what it goes on by itself. */
  part(subscription: Subscription): { position: number; told: Told } {
    const position = this.positionOf(subscription);
    const group = subscription.group as Group;
    const told = group.viewState();
    group.members.delete(subscription);
    this.dropIfEmpty(group);
    return { position, told };
  }

  /** A subscription that waits to join no longer wants to. */
  stopWaiting(subscription: Subscription): void {
    this.early.delete(subscription);
    this.groups.get(groupKey(subscription))?.late.delete(subscription);
  }

  /** Everything up to here has been sent to a live subscription. */
  positionOf(subscription: Subscription): number {
    const { group } = subscription;
    return group?.isWaiting ? group.position : this.position;
  }

  /** Forgets a subscription, wherever it stands. */
  leave(subscription: Subscription): void {
    this.turns.delete(subscription);
    this.metronome.delete(subscription);
    this.lookUps.forget(subscription);
    this.early.delete(subscription);
    const group = this.groups.get(groupKey(subscription));
    group?.late.delete(subscription);
    if (group?.members.delete(subscription)) this.dropIfEmpty(group);
    const { matcher } = subscription;
    matcher.users--;
    if (matcher.users === 0) this.matchers.delete(matcher.filter);
  }

  /** Gives a subscription behind the head a turn soon. */
  advanceSoon(subscription: Subscription): void {
    this.turns.add(subscription);
    if (this.turnPlanned) return;
    this.turnPlanned = true;
    setImmediate(() => this.takeTurns());
  }

  /** The matcher that all subscriptions to `filter` share. */
  matcherFor(filter: string): Matcher {
    let matcher = this.matchers.get(filter);
    if (!matcher) {
      matcher = new Matcher(filter);
      this.matchers.set(filter, matcher);
    }
    matcher.users++;
    return matcher;
  }

  private takeTurns(): void {
    this.turnPlanned = false;
    const until = this.clock.now() + maxTurnMs;
    let taken = 0;
    for (const subscription of this.turns) {
      if (taken++ === advancesPerTurn || this.clock.now() >= until) break;
      this.turns.delete(subscription);
      subscription.advance();
    }
    if (this.turns.size > 0 && !this.turnPlanned) {
      this.turnPlanned = true;
      setImmediate(() => this.takeTurns());
    }
  }

  // A lone reading leaves at once; the window only gathers what follows closely. What has gathered for its commit for as long
  // does not wait once more.
  private gather(records: readonly LogRecord[], waitedMs: number): void {
    for (const record of records) this.window.push(record);
    const leftMs = this.options.batchMs - waitedMs;
    if (!this.gathering) this.push();
    else if (leftMs <= shortestShare * this.options.batchMs) {
      this.push();
      this.startWindow(this.options.batchMs);
    } else if (this.clock.now() + leftMs < this.windowEndsAt) this.startWindow(leftMs);
  }

  /** Pushes what has gathered, so that the position is the log's head. */
  pushNow(): void {
    if (this.window.length > 0) this.push();
  }

  private push(): void {
    const from = this.position;
    const records = this.window;
    this.window = [];
    this.position = this.log.head;
    const wanted = new Set<Group>();
    const gather = (record: LogRecord, groups: readonly Group[]) => {
      for (const group of groups) {
        group.gather(record, from);
        wanted.add(group);
      }
    };
    for (const record of records) {
      const exact = this.exactGroups.get(record.topic.name);
      if (exact) gather(record, exact);
      if (this.wildcardGroups.length > 0) gather(record, this.wildcardGroupsFor(record.topic));
    }
    for (const group of wanted) this.pushGroup(group);
    for (const subscription of this.early) this.advanceSoon(subscription);
    this.early.clear();
    if (this.options.batchMs > 0 && !this.gathering) this.startWindow(this.options.batchMs);
  }

  private pushGroup(group: Group): void {
    const behind = group.push(this.position);
    for (const subscription of behind) this.advanceSoon(subscription);
    if (!group.isHolding && group.late.size > 0) {
      const late = [...group.late];
      group.late.clear();
      // In this very turn, before the group holds something back again.
      for (const subscription of late) subscription.advance();
    }
    this.dropIfEmpty(group);
  }

  /** A group's rate allows the next update. */
  private tick(group: Group): void {
    this.pushNow();
    if (group.isWaiting) this.pushGroup(group);
  }

  private startWindow(lengthMs: number): void {
    this.gathering = true;
    if (this.windowTimer) clearTimeout(this.windowTimer);
    this.windowEndsAt = this.clock.now() + lengthMs;
    this.windowTimer = setTimeout(() => {
      if (this.window.length === 0) {
        this.gathering = false;
        return;
      }
      this.push();
      this.startWindow(this.options.batchMs);
    }, lengthMs);
  }

  // Groups come and go with every dashboard, topics are many: a topic looks at new groups when it is next seen.
  private wildcardGroupsFor(topic: Topic): readonly Group[] {
    let route = this.routes.get(topic.name);
    if (!route) {
      // Topics come and go over the years; forgetting the routes only costs finding them again.
      if (this.routes.size >= maxRoutes) this.routes.clear();
      route = { groups: [], upTo: 0 };
      this.routes.set(topic.name, route);
    }
    if (route.upTo < this.lastGroupNumber) {
      for (let i = this.wildcardGroups.length - 1; i >= 0; i--) {
        const group = this.wildcardGroups[i] as Group;
        if (group.number <= route.upTo) break;
        if (group.matcher.matches(topic)) route.groups.push(group);
      }
      route.upTo = this.lastGroupNumber;
    }
    if (route.groups.some(({ closed }) => closed))
      route.groups = route.groups.filter(({ closed }) => !closed);
    return route.groups;
  }

  private addRoutes(group: Group): void {
    const { isExact, filter } = group.matcher;
    if (!isExact) {
      this.wildcardGroups.push(group);
      return;
    }
    const groups = this.exactGroups.get(filter);
    if (groups) groups.push(group);
    else this.exactGroups.set(filter, [group]);
  }

  private dropIfEmpty(group: Group): void {
    if (group.members.size > 0 || group.closed) return;
    group.close();
    this.groups.delete(group.key);
    for (const subscription of group.late) this.advanceSoon(subscription);
    group.late.clear();
    const { isExact, filter } = group.matcher;
    if (!isExact) {
      this.wildcardGroups = this.wildcardGroups.filter((other) => other !== group);
      return;
    }
    const others = this.exactGroups.get(filter)?.filter((other) => other !== group) ?? [];
    if (others.length === 0) this.exactGroups.delete(filter);
    else this.exactGroups.set(filter, others);
  }
}

/** Where a topic goes. */
interface Route {
  groups: Group[];
  /** The number of the newest group that was looked at. */
  upTo: number;
}
