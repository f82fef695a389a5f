/**
 * Reading the dump that a recording names.
 *
 * @module
 */

import { CodeTimeline } from "../reader/code_timeline.ts";
import { CorruptRange, RecoveringReader } from "../reader/recovering_reader.ts";
import type { Tail } from "../reader/record_scanner.ts";

/** The functions of a dump, and what of it could not be read. */
export interface ReadDump {
  readonly timeline: CodeTimeline;
  /** Sentences on what is missing. */
  readonly notes: readonly string[];
}

/**
 * Reads a whole dump: how its lines are corrected is known at its end only.
 *
 * @throws {Error} If it cannot be opened, or does not begin with the header of a dump.
 */
export function readDump(path: string): ReadDump {
  const ranges: CorruptRange[] = [];
  try {
    using dump = RecoveringReader.open(path);
    const timeline = new CodeTimeline([], dump.header);
    for (const item of dump) {
      if (item instanceof CorruptRange) ranges.push(item);
      else timeline.add(item);
    }
    const notes = [...describeRanges(ranges), ...describeTail(dump.tail)];
    return { timeline, notes: notes.map((note) => `the dump ${path} ${note}`) };
  } catch (error) {
    throw new Error(
      `the dump ${path}, which the recording names, cannot be read: ${
        (error as Error).message
      }`,
    );
  }
}

function describeRanges(ranges: readonly CorruptRange[]): string[] {
  if (ranges.length === 0) return [];
  const [{ problem }] = ranges;
  const where = ranges.length === 1
    ? "is damaged in one place"
    : `is damaged in ${ranges.length} places, the first of them`;
  const rest = ranges[ranges.length - 1].end === undefined
    ? "what follows the last one is missing"
    : "functions there may be missing";
  return [`${where} (${problem}); ${rest}`];
}

function describeTail(tail: Tail | undefined): string[] {
  if (tail?.kind !== "cut") return [];
  return [
    `ends within the record at byte ${tail.offset}; functions that were made later are missing`,
  ];
}
