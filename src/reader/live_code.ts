/**
 * What is where, at one time.
 *
 * @module
 */

/** Something that takes a range of addresses. */
export interface Range {
  /** The first address. */
  readonly start: bigint;
  /** The first address behind. */
  readonly end: bigint;
}

/** A list is split where it gets longer, so that an insertion moves little. */
const LONGEST_LIST = 512;

/**
 * Ranges that do not overlap, ordered by address, in lists of limited length: a change
 * costs two binary searches and a short list's shift.
 */
export class LiveRanges<T extends Range> {
  readonly #lists: T[][] = [[]];

  /** Takes out all ranges that overlap `range`, and gives them back in order. */
  takeOverlapping({ start, end }: Range): T[] {
    const taken: T[] = [];
    let i = this.#listOf(start);
    while (i < this.#lists.length) {
      const list = this.#lists[i];
      // They do not overlap, so they are ordered by their ends too.
      const first = firstIndex(list, (range) => range.end > start);
      const last = firstIndex(list, (range) => range.start >= end);
      if (first < last) taken.push(...list.splice(first, last - first));
      if (last < list.length) break;
      if (list.length === 0 && this.#lists.length > 1) this.#lists.splice(i, 1);
      else i++;
    }
    return taken;
  }

  /** Takes out this very range; false where it is not in. */
  delete(range: T): boolean {
    const list = this.#lists[this.#listOf(range.start)];
    const i = firstIndex(list, ({ start }) => start >= range.start);
    if (list[i] !== range) return false;
    this.takeOverlapping(range);
    return true;
  }

  /** The last range that starts before an address. */
  lastBefore(address: bigint): T | undefined {
    const list = this.#lists[this.#listOf(address - 1n)];
    return list[firstIndex(list, ({ start }) => start >= address) - 1];
  }

  /** The first range that starts at an address or behind it. */
  firstFrom(address: bigint): T | undefined {
    const i = this.#listOf(address);
    const list = this.#lists[i];
    return list[firstIndex(list, ({ start }) => start >= address)] ??
      this.#lists[i + 1]?.[0];
  }

  /** Puts a range in; none that is in may overlap it. */
  insert(range: T): void {
    const i = this.#listOf(range.start);
    const list = this.#lists[i];
    list.splice(
      firstIndex(list, (other) => other.start > range.start),
      0,
      range,
    );
    if (list.length <= LONGEST_LIST) return;
    this.#lists.splice(i + 1, 0, list.splice(LONGEST_LIST / 2));
  }

  /** All ranges, in order. */
  *[Symbol.iterator](): Generator<T> {
    for (const list of this.#lists) yield* list;
  }

  /** The last list that begins at or before an address; the first where none does. */
  #listOf(address: bigint): number {
    const next = firstIndex(
      this.#lists,
      (list) => list.length > 0 && list[0].start > address,
    );
    return Math.max(0, next - 1);
  }
}

/** The first index for which `isSo`; the items for which it is so are the last. */
export function firstIndex<T>(
  items: readonly T[],
  isSo: (item: T) => boolean,
): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isSo(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
