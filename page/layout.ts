/**
 * The boxes of a flame graph.
 *
 * @module
 */

import type { Call } from "./calls.ts";

/** Smallest width of a box in pixels. */
const NARROWEST = 0.75;

/** A call with its place. */
export interface Box {
  readonly call: Call;
  readonly row: number;
  /** Pixels from the left edge. */
  readonly left: number;
  readonly width: number;
  /** Indicates whether the call is around the zoomed one. */
  readonly isAround: boolean;
}

/**
 * Places the zoomed call, what is around it, and what is in it.
 *
 * @param width Width of the graph in pixels.
 * @returns The boxes of each row, from left to right.
 */
export function layOut(zoomed: Call, width: number): Box[][] {
  const rows: Box[][] = [];
  const around: Call[] = [];
  for (let call = zoomed.outer; call; call = call.outer) around.push(call);
  around.reverse().forEach((call, row) =>
    rows.push([{ call, row, left: 0, width, isAround: true }])
  );
  // Nothing recurses, because a chain can be deeper than the browser's stack.
  let current: Box[] = [
    { call: zoomed, row: rows.length, left: 0, width, isAround: false },
  ];
  while (current.length > 0) {
    rows.push(current);
    current = current.flatMap(boxesIn);
  }
  return rows;
}

/** Returns the boxes of a call's inner calls that are wide enough. */
function boxesIn({ call, row, left, width }: Box): Box[] {
  const boxes: Box[] = [];
  const scale = width / (call.weight || 1);
  let at = left;
  for (const inner of call.inner) {
    const size = inner.weight * scale;
    // The widest call is first.
    if (size < NARROWEST) break;
    boxes.push({
      ...{ call: inner, row: row + 1, left: at, width: size, isAround: false },
    });
    at += size;
  }
  return boxes;
}

/** Returns the box of a row at a position in pixels. */
export function boxAt(boxes: readonly Box[], x: number): Box | undefined {
  return boxes.find(({ left, width }) => left <= x && x < left + width);
}
