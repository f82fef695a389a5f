/**
 * Checks of where functions are.
 *
 * @module
 */

import { CodeMap } from "./code_map.ts";
import type { CodeLoad, UnwindingInfo } from "./dump_record.ts";
import { EVERY_PERF, type Findings, PERF_6 } from "./finding.ts";
import { hex } from "./hex.ts";

/** perf 6.1 to 7.2 places unwind info after the code at the next multiple of this. */
const UNWIND_ALIGNMENT = 8;

/** A function at one of its addresses. */
interface Place {
  readonly name: string;
  readonly offset: number;
  readonly start: bigint;
  readonly end: bigint;
  /** The end of its unwind info in memory. */
  readonly unwindEnd: bigint;
  /** The end of what perf maps for it. */
  readonly mappedEnd: bigint;
}

/** Finds functions that displace parts of others. */
export class PlaceChecks {
  readonly #findings: Findings;
  readonly #map = new CodeMap<Place>();
  readonly #byIndex = new Map<bigint, Place>();

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
    const place: Place = {
      name: load.functionName,
      ...{ offset, start, end },
      unwindEnd: unwinding?.ehFrame.length
        ? unwindStart + BigInt(unwinding.unwindingSize)
        : end,
      mappedEnd: mapped === 0n ? end : unwindStart + mapped,
    };
    this.#put(place, load.timestamp);
    this.#byIndex.set(codeIndex, place);
  }

  /** Moves a function; one that is not known has no place. */
  move(
    codeIndex: bigint,
    { offset, start, end }: Pick<Place, "offset" | "start" | "end">,
    time: bigint,
  ): void {
    const moved = this.#byIndex.get(codeIndex);
    if (!moved) return;
    this.#map.remove(moved, moved);
    const { name } = moved;
    const ends = { unwindEnd: end, mappedEnd: end };
    const place = { name, offset, start, end, ...ends };
    this.#put(place, time);
    this.#byIndex.set(codeIndex, place);
  }

  #put(place: Place, time: bigint): void {
    const { offset, name, start, end } = place;
    for (const { owner } of this.#map.put(place, place, time)) {
      // At the same address it has taken the other's place, as memory is used again.
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
        "Correct the addresses or sizes, unless the earlier function is gone.",
      );
    }
    const next = this.#map.firstFrom(end);
    if (next && next.start < place.mappedEnd) {
      this.#findings.warning(
        "unwind space",
        offset,
        EVERY_PERF,
        `perf maps "${name}" with its unwind info up to ${
          hex(place.mappedEnd)
        }, over the start of "${next.owner.name}" at ${
          hex(next.start)
        }; samples there get no name`,
        "Leave mapped_size bytes free after the code (unwindingSpace() returns how many).",
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
        "Leave mapped_size bytes free after the code (unwindingSpace() returns how many).",
      );
    }
  }
}
