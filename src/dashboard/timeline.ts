import { batch, type Signal, signal } from "@preact/signals";
import type { Clock } from "../model/clock.ts";

/** The speeds of the time line, multiples of real time. */
export const speeds = [1, 10, 100] as const;

/** `live`: the present. `paused`: an instant that passed. `playing`: from there on, at a speed. */
export type Mode = "live" | "paused" | "playing";

/** What the time line moves: a subscription, or several as one. */
export interface Player {
  pause(): void;
  resume(): void;
  setSpeed(speed: number): void;
  seek(from: "latest" | { readonly time: number }): void;
}

/** The gateway says once a second where a replay is; so far the clock runs on by itself. Milliseconds of real time. */
const maxAheadMs = 1_500;

/**
 * The time that the whole page shows. As a clock it tells that time, so that ages, late devices and expired quotes are
 * those of then.
 */
export class TimeLine implements Clock {
  readonly mode: Signal<Mode> = signal<Mode>("live");
  readonly speed: Signal<number> = signal<number>(1);
  private readonly wall: Clock;
  private player: Player | null = null;
  /** An instant that was shown, and when it was; the clock goes on from there. */
  readonly anchor: Signal<{ readonly time: number; readonly at: number }>;
  /** What was asked for is on its way. */
  private isAsking = false;
  /** Asked for meanwhile: only the last one counts, so a dragged slider asks no more often than it is answered. */
  private wanted: number | null = null;

  constructor(wall: Clock) {
    this.wall = wall;
    this.anchor = signal({ time: wall.now(), at: wall.now() });
  }

  /** Says what is moved. */
  moves(player: Player): void {
    this.player = player;
  }

  /** The instant that is shown, epoch milliseconds. */
  now(): number {
    const now = this.wall.now();
    if (this.mode.peek() === "live") return now;
    const { time, at } = this.anchor.peek();
    const runMs = this.mode.peek() === "playing" && !this.isAsking ? now - at : 0;
    return Math.min(now, time + Math.min(runMs, maxAheadMs) * this.speed.peek());
  }

  /** Shows an instant and stays there. @param time epoch milliseconds */
  goTo(time: number): void {
    // The gateway takes whole milliseconds only.
    const instant = Math.round(time);
    this.change("paused", instant);
    if (this.isAsking) this.wanted = instant;
    else this.ask(instant);
  }

  pause(): void {
    if (this.mode.peek() === "live") return this.goTo(this.now());
    this.change("paused", this.now());
    this.player?.pause();
  }

  play(): void {
    if (this.mode.peek() !== "paused") return;
    this.change("playing", this.now());
    this.player?.setSpeed(this.speed.peek());
    this.player?.resume();
  }

  setSpeed(speed: number): void {
    this.change(this.mode.peek(), this.now());
    this.speed.value = speed;
    if (this.mode.peek() === "playing") this.player?.setSpeed(speed);
  }

  goLive(): void {
    if (this.mode.peek() === "live") return;
    this.isAsking = false;
    this.wanted = null;
    this.mode.value = "live";
    this.player?.resume();
    this.player?.seek("latest");
  }

  /** A snapshot begins. @param time the instant that it shows, null for the present; later than asked for where less is kept */
  answered(time: number | null): void {
    if (this.mode.peek() === "live") return;
    this.isAsking = false;
    const { wanted } = this;
    this.wanted = null;
    if (wanted !== null) this.ask(wanted);
    else this.setAnchor(time ?? this.anchor.peek().time);
  }

  /** The gateway tells where the replay is. */
  reached(state: Mode, time: number | null): void {
    if (this.mode.peek() !== "playing" || this.isAsking) return;
    if (state === "live") this.mode.value = "live";
    else if (state === "playing" && time !== null) this.setAnchor(time);
  }

  private ask(time: number): void {
    this.isAsking = true;
    this.player?.pause();
    this.player?.seek({ time });
    // Whoever pressed play meanwhile goes on from there.
    if (this.mode.peek() === "playing") this.player?.resume();
  }

  private change(mode: Mode, time: number): void {
    batch(() => {
      this.setAnchor(time);
      this.mode.value = mode;
    });
  }

  private setAnchor(time: number): void {
    this.anchor.value = { time, at: this.wall.now() };
  }
}
