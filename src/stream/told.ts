import { NumberSet } from "./number-set.ts";

/** What a client was told of the topics in its view's box. */
export class Told {
  /** Topics that are in view, as far as it knows. */
  readonly inView: NumberSet;
  /**
   * Topics that it was sent readings of since: it takes them to be in view, though they may have passed through the box in
   * one go, or have been in it long ago only.
   */
  shown: NumberSet;

  constructor(inView: NumberSet = new NumberSet(), shown: NumberSet = new NumberSet()) {
    this.inView = inView;
    this.shown = shown;
  }

  clone(): Told {
    return new Told(this.inView.clone(), this.shown.clone());
  }
}
