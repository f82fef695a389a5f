/**
 * Checks of the addresses of functions.
 *
 * @module
 */

import { CodeMap } from "./code_map.ts";
import type { CodeLoad, UnwindingInfo } from "./dump_record.ts";
import { EVERY_PERF, type Findings, PERF_6 } from "./finding.ts";
import { hex } from "./hex.ts";

/** Alignment of the unwind info that perf 6.1 to 7.2 maps after the code. */
const UNWIND_ALIGNMENT = 8;

/** A function at one of its addresses. */
interface PlacedFunction {
  readonly name: string;
  readonly offset: number;
  readonly start: bigint;
  readonly end: bigint;
  /** The end of its unwind info in memory. */
  readonly unwindEnd: bigint;
  /** The end of perf's mapping for it. */
  readonly mappedEnd: bigint;
}

/** Finds functions that displace parts of others. */
export class AddressChecks {
  readonly #findings: Findings;
  readonly #map = new CodeMap<PlacedFunction>();
  readonly #byIndex = new Map<bigint, PlacedFunction>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Adds a function. */
  load(load: CodeLoad, unwinding: UnwindingInfo | undefined): void {
    const { offset, codeAddr: start, codeSize, codeIndex } = load;
    const unwindStart = start +
      BigInt(Math.ceil(codeSize / UNWIND_ALIGNMENT) * UNWIND_ALIGNMENT);
    const mapped = unwinding?.mappedSize ?? 0n;
    const end = start + BigInt(codeSize);
    const placed: PlacedFunction = {
      name: load.functionName,
      ...{ offset, start, end },
      unwindEnd: unwinding?.ehFrame.length
        ? unwindStart + BigInt(unwinding.unwindingSize)
        : end,
      mappedEnd: mapped === 0n ? end : unwindStart + mapped,
    };
    this.#put(placed, load.timestamp);
    this.#byIndex.set(codeIndex, placed);
  }

  /** Moves a function; the move of an unknown function is ignored. */
  move(
    codeIndex: bigint,
    { offset, start, end }: Pick<PlacedFunction, "offset" | "start" | "end">,
    time: bigint,
  ): void {
    const moved = this.#byIndex.get(codeIndex);
    if (!moved) return;
    this.#map.remove(moved, moved);
    const { name } = moved;
    const ends = { unwindEnd: end, mappedEnd: end };
    const placed = { name, offset, start, end, ...ends };
    this.#put(placed, time);
    this.#byIndex.set(codeIndex, placed);
  }

  #put(placed: PlacedFunction, time: bigint): void {
    const { offset, name, start, end } = placed;
    for (const { owner } of this.#map.put(placed, placed, time)) {
      // A function at the same address has replaced the other one: memory is reused.
      if (owner.start === start) continue;
      this.#findings.warning(
        "overlap",
        offset,
        EVERY_PERF,
        `"${name}" (${hex(start)} to ${hex(end)}) overlaps "${owner.name}" (${
          hex(owner.start)
        } to ${
          hex(owner.end)
        }); perf shows samples there as those of the later one`,
        "Correct the addresses or sizes, unless the earlier function has been freed.",
      );
    }
    const next = this.#map.firstFrom(end);
    if (next && next.start < placed.mappedEnd) {
      this.#findings.warning(
        "unwind space",
        offset,
        EVERY_PERF,
        `perf maps "${name}" with its unwind info up to ${
          hex(placed.mappedEnd)
        }, over the start of "${next.owner.name}" at ${
          hex(next.start)
        }; samples there get no name`,
        "Leave mapped_size bytes free after the code (unwindingSpace() returns the number).",
      );
    }
    const previous = this.#map.lastBefore(start)?.owner;
    if (previous && previous.end <= start && previous.unwindEnd > start) {
      this.#findings.warning(
        "unwind space",
        offset,
        PERF_6,
        `"${name}" is at ${
          hex(start)
        }, where perf maps the unwind info of "${previous.name}", up to ${
          hex(previous.unwindEnd)
        }; perf then finds no callers of that function`,
        "Leave mapped_size bytes free after the code (unwindingSpace() returns the number).",
      );
    }
  }
}
