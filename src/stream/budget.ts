/** Memory that many share up to one limit, counted in estimates. */
export class Budget {
  private readonly maxBytes: number;
  private usedBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get used(): number {
    return this.usedBytes;
  }

  /** False, and nothing is taken, if so much is not left. */
  take(bytes: number): boolean {
    if (this.usedBytes + bytes > this.maxBytes) return false;
    this.usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.usedBytes -= bytes;
  }
}

/** What one of them holds. */
export class Share {
  private readonly budget: Budget;
  private heldBytes = 0;

  constructor(budget: Budget) {
    this.budget = budget;
  }

  /** False if the others leave too little. */
  take(bytes: number): boolean {
    if (!this.budget.take(bytes)) return false;
    this.heldBytes += bytes;
    return true;
  }

  giveAll(): void {
    this.budget.give(this.heldBytes);
    this.heldBytes = 0;
  }
}
