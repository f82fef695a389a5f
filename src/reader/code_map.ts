/**
 * The code at each address during a replay of loads and moves.
 *
 * @module
 */

/** A range of addresses. */
export interface Range {
  /** The first address. */
  readonly start: bigint;
  /** The first address after the range. */
  readonly end: bigint;
}

/** A part of a function's code that no other code has displaced yet. */
export interface CodePiece<T> extends Range {
  /** The function, or a value that represents it. */
  readonly owner: T;
  /** The address of the owner's first byte; the piece may start later. */
  readonly base: bigint;
  /** The time at which the owner's code arrived here. */
  readonly since: bigint;
}

/** Maximum length of a list; longer ones are split, so that an insertion moves little. */
const LONGEST_LIST = 512;

/**
 * The code at each address. Only this class decides which code displaces which:
 *
 *     before      ├────────── f ──────────┤  ├── g ──┤
 *     load of h              ├────── h ──────────┤
 *     after       ├─── f ────┤────── h ──────────┤ g ┤
 *
 * New code displaces only what it overlaps; the rest of the older function stays. A move
 * removes only the pieces of the function that moves.
 *
 * The pieces do not overlap. They are ordered by address, in lists of limited length, so
 * that a change costs two binary searches and a short list's shift.
 */
export class CodeMap<T> {
  readonly #lists: CodePiece<T>[][] = [[]];
  /** The pieces of each owner that has any. */
  readonly #byOwner = new Map<T, Set<CodePiece<T>>>();

  /**
   * Puts code at a range.
   *
   * @param owner The function; each load and each move can have a different owner.
   * @returns The parts of other code that were displaced, in order of their addresses.
   */
  put(owner: T, { start, end }: Range, since: bigint): CodePiece<T>[] {
    if (start >= end) return [];
    const displaced = this.#clear({ start, end });
    this.#insert({ owner, base: start, start, end, since });
    return displaced;
  }

  /**
   * Removes an owner's code from a range.
   *
   * @returns The parts that were there; code of other owners stays.
   */
  remove(owner: T, range: Range): CodePiece<T>[] {
    const removed: CodePiece<T>[] = [];
    for (const piece of [...this.#byOwner.get(owner) ?? []]) {
      const part = intersection(piece, range);
      if (part.start < part.end) removed.push(...this.#clear(part));
    }
    return removed;
  }

  /** Returns whether an owner still has code. */
  has(owner: T): boolean {
    return this.#byOwner.has(owner);
  }

  /** Returns the last piece that starts before an address. */
  lastBefore(address: bigint): CodePiece<T> | undefined {
    const list = this.#lists[this.#listOf(address - 1n)];
    return list[firstIndex(list, ({ start }) => start >= address) - 1];
  }

  /** Returns the first piece that starts at or after an address. */
  firstFrom(address: bigint): CodePiece<T> | undefined {
    const i = this.#listOf(address);
    const list = this.#lists[i];
    return list[firstIndex(list, ({ start }) => start >= address)] ??
      this.#lists[i + 1]?.[0];
  }

  /** Iterates over all pieces in order of their addresses. */
  *[Symbol.iterator](): Generator<CodePiece<T>> {
    for (const list of this.#lists) yield* list;
  }

  /** Removes all code from a range, and keeps the rest on either side. */
  #clear(range: Range): CodePiece<T>[] {
    const cleared: CodePiece<T>[] = [];
    for (const piece of this.#takeOverlapping(range)) {
      const part = intersection(piece, range);
      cleared.push({ ...piece, ...part });
      if (piece.start < part.start) {
        this.#insert({ ...piece, end: part.start });
      }
      if (piece.end > part.end) this.#insert({ ...piece, start: part.end });
    }
    return cleared;
  }

  #takeOverlapping({ start, end }: Range): CodePiece<T>[] {
    const taken: CodePiece<T>[] = [];
    let i = this.#listOf(start);
    while (i < this.#lists.length) {
      const list = this.#lists[i];
      // Pieces do not overlap, so they are ordered by their ends too.
      const first = firstIndex(list, (piece) => piece.end > start);
      const last = firstIndex(list, (piece) => piece.start >= end);
      if (first < last) {
        for (const piece of list.splice(first, last - first)) {
          taken.push(piece);
          this.#disown(piece);
        }
      }
      if (first < list.length) break;
      if (list.length === 0 && this.#lists.length > 1) this.#lists.splice(i, 1);
      else i++;
    }
    return taken;
  }

  #insert(piece: CodePiece<T>): void {
    const i = this.#listOf(piece.start);
    const list = this.#lists[i];
    list.splice(
      firstIndex(list, (other) => other.start > piece.start),
      0,
      piece,
    );
    if (list.length > LONGEST_LIST) {
      this.#lists.splice(i + 1, 0, list.splice(LONGEST_LIST / 2));
    }
    const own = this.#byOwner.get(piece.owner);
    if (own) own.add(piece);
    else this.#byOwner.set(piece.owner, new Set([piece]));
  }

  #disown(piece: CodePiece<T>): void {
    const own = this.#byOwner.get(piece.owner);
    own?.delete(piece);
    if (own?.size === 0) this.#byOwner.delete(piece.owner);
  }

  /** Returns the last list that starts at or before an address, or the first list. */
  #listOf(address: bigint): number {
    const next = firstIndex(
      this.#lists,
      (list) => list.length > 0 && list[0].start > address,
    );
    return Math.max(0, next - 1);
  }
}

function intersection(a: Range, b: Range): Range {
  return {
    start: a.start > b.start ? a.start : b.start,
    end: a.end < b.end ? a.end : b.end,
  };
}

/** Returns the first index for which `predicate` is true; it must be true for all later ones. */
export function firstIndex<T>(
  items: readonly T[],
  predicate: (item: T) => boolean,
): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (predicate(items[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
