/**
 * The boxes of a flame graph.
 *
 * @module
 */

import type { Call } from "./calls.ts";

/** Minimum width of a box in pixels. */
const NARROWEST = 0.75;

/** The box of a call. */
export interface Box {
  /** The call, or the call around several that are too narrow. */
  readonly call: Call;
  /** Number of calls that are too narrow to be drawn, and share this box. */
  readonly rest: number;
  readonly row: number;
  /** Pixels from the left edge. */
  readonly left: number;
  readonly width: number;
  /** True if the call is around the zoomed one. */
  readonly isAround: boolean;
}

/**
 * Places the zoomed call, the calls around it, and the calls inside it.
 *
 * @param width Width of the graph in pixels.
 * @returns The boxes of each row, from left to right.
 */
export function layOut(zoomed: Call, width: number): Box[][] {
  const rows: Box[][] = [];
  const around: Call[] = [];
  for (let call = zoomed.outer; call; call = call.outer) around.push(call);
  around.reverse().forEach((call, row) =>
    rows.push([{ call, row, left: 0, width, isAround: true, rest: 0 }])
  );
  // No recursion, because a chain can be deeper than the browser's stack.
  let current: Box[] = [
    {
      ...{ call: zoomed, row: rows.length, left: 0, width },
      ...{ isAround: false, rest: 0 },
    },
  ];
  while (current.length > 0) {
    rows.push(current);
    current = current.flatMap(boxesIn);
  }
  return rows;
}

/** Returns the boxes of a call's inner calls. Calls that are too narrow share one. */
function boxesIn({ call, row, left, width, rest }: Box): Box[] {
  if (rest > 0) return [];
  const boxes: Box[] = [];
  const scale = width / (call.weight || 1);
  const place = { row: row + 1, isAround: false };
  let at = left;
  let narrow = 0;
  for (const [i, inner] of call.inner.entries()) {
    const size = inner.weight * scale;
    // The widest call is first.
    if (size < NARROWEST) {
      const others = call.inner.slice(i);
      const weight = others.reduce((sum, { weight }) => sum + weight, 0);
      [narrow, width] = [others.length, weight * scale];
      break;
    }
    boxes.push({ ...place, call: inner, left: at, width: size, rest: 0 });
    at += size;
  }
  if (narrow > 0 && width >= NARROWEST) {
    boxes.push({ ...place, call, left: at, width, rest: narrow });
  }
  return boxes;
}

/** Returns the box of a row at a position in pixels. */
export function boxAt(boxes: readonly Box[], x: number): Box | undefined {
  return boxes.find(({ left, width }) => left <= x && x < left + width);
}
