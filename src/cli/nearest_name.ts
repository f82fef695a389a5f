/**
 * Suggestions for misspelled names.
 *
 * @module
 */

/** Maximum share of wrong characters in a misspelled name. */
const LARGEST_ERROR = 0.4;

/**
 * Returns the name with the fewest edits to `typed`, unless all differ by too much.
 */
export function nearestName(
  typed: string,
  names: readonly string[],
): string | undefined {
  const limit = Math.max(1, Math.floor(typed.length * LARGEST_ERROR));
  return names
    .filter((name) => Math.abs(name.length - typed.length) <= limit)
    .map((name) => ({ name, edits: countEdits(typed, name) }))
    .filter(({ edits }) => edits <= limit)
    .sort((a, b) => a.edits - b.edits)[0]?.name;
}

/** Counts the insertions, deletions, replacements and swaps of neighbors. */
function countEdits(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const isEqual = from[i - 1] === to[j - 1];
      row[j] = Math.min(
        last[j] + 1,
        row[j - 1] + 1,
        last[j - 1] + (isEqual ? 0 : 1),
      );
      if (i > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        row[j] = Math.min(row[j], beforeLast[j - 2] + 1);
      }
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length];
}
