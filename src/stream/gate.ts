/** Lets a few in at a time; the others are told when there is room. */
export class Gate<Guest> {
  private readonly maxGuests: number;
  private readonly waiting = new Set<Guest>();
  private readonly call: (guest: Guest) => void;
  private guests = 0;

  /** @param call tells a guest who waited to try again */
  constructor(maxGuests: number, call: (guest: Guest) => void) {
    this.maxGuests = maxGuests;
    this.call = call;
  }

  get size(): number {
    return this.waiting.size + this.guests;
  }

  /** False if it must wait; then it is called. Who is let in must `leave`. */
  enter(guest: Guest): boolean {
    if (this.guests >= this.maxGuests) {
      this.waiting.add(guest);
      return false;
    }
    this.waiting.delete(guest);
    this.guests++;
    return true;
  }

  leave(): void {
    this.guests--;
    for (const guest of this.waiting) {
      this.waiting.delete(guest);
      this.call(guest);
      return;
    }
  }

  /** It no longer wants to get in. */
  forget(guest: Guest): void {
    this.waiting.delete(guest);
  }
}
