const minWords = 4;
/** Of every empty set: each dashboard has several, and an idle one never puts anything into them. */
const noBits = new Uint32Array(0);

/** A set of small whole numbers, one bit each: which topics and shapes somebody has been told. */
export class NumberSet {
  private bits = noBits;

  has(id: number): boolean {
    const word = this.bits[id >>> 5];
    return word !== undefined && (word & (1 << (id & 31))) !== 0;
  }

  add(id: number): void {
    const index = id >>> 5;
    if (index >= this.bits.length) {
      const grown = new Uint32Array(Math.max(minWords, this.bits.length * 2, index + 1));
      grown.set(this.bits);
      this.bits = grown;
    }
    this.bits[index] = (this.bits[index] as number) | (1 << (id & 31));
  }

  delete(id: number): void {
    const word = this.bits[id >>> 5];
    if (word !== undefined) this.bits[id >>> 5] = word & ~(1 << (id & 31));
  }

  clone(): NumberSet {
    const copy = new NumberSet();
    if (this.bits.length > 0) copy.bits = this.bits.slice();
    return copy;
  }

  /** Members of this set that `other` lacks. */
  missingIn(other: NumberSet): number[] {
    const missing: number[] = [];
    for (let index = 0; index < this.bits.length; index++) {
      let word = (this.bits[index] as number) & ~(other.bits[index] ?? 0);
      while (word !== 0) {
        const bit = 31 - Math.clz32(word & -word);
        missing.push(index * 32 + bit);
        word &= word - 1;
      }
    }
    return missing;
  }
}
