/** After a drawing the main thread is left alone for so many times as long as it took. */
const restFactor = 2;
const maxRestMs = 500;
/** A frame that would come so soon is not worth a timer. */
const nearMs = 4;

/**
 * When to draw: in the next frame, but never so often that drawing takes more than a third of the main thread. What a
 * drawing costs shows only after its frame, because a browser without a GPU paints the canvas there.
 */
export class Pace {
  private readonly draw: () => void;
  private frame = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private measuring: ReturnType<typeof setTimeout> | undefined;
  private isWanted = false;
  private restUntil = 0;

  constructor(draw: () => void) {
    this.draw = draw;
  }

  /** Wants a drawing as soon as it may be. */
  wake(): void {
    if (this.frame !== 0 || this.timer !== undefined) return;
    if (this.measuring !== undefined) {
      this.isWanted = true;
      return;
    }
    const restMs = this.restUntil - performance.now();
    if (restMs <= nearMs) this.request();
    else {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.request();
      }, restMs);
    }
  }

  /** Tells of a drawing that began then (`performance.now()`), whoever asked for it. */
  drawn(startedAt: number): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    clearTimeout(this.measuring);
    this.measuring = setTimeout(() => {
      this.measuring = undefined;
      const now = performance.now();
      this.restUntil = now + Math.min(maxRestMs, (now - startedAt) * restFactor);
      if (this.isWanted) this.wake();
      this.isWanted = false;
    });
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    clearTimeout(this.measuring);
  }

  private request(): void {
    this.frame = requestAnimationFrame(this.draw);
  }
}
