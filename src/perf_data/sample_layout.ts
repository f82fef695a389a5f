/**
 * Positions of the fields of an event's samples and sample_ids.
 *
 * The order is that of `perf_output_sample()` in kernel/events/core.c (Linux 6.1).
 *
 * @module
 */

import type { PerfEventAttr } from "./attr.ts";
import type { Window } from "./bytes.ts";
import {
  BranchSampleType,
  perfRecordName,
  PerfRecordType,
  ReadFormat,
  SampleType,
} from "./constants.ts";
import { EventHeader, U64_SIZE } from "./structs.ts";

/** Position of a field that is absent. */
export const ABSENT = -1;

/** The first fields of a sample, all of 8 bytes, in their order. */
const FIXED = [
  ["identifier", SampleType.IDENTIFIER],
  ["ip", SampleType.IP],
  ["tid", SampleType.TID],
  ["time", SampleType.TIME],
  ["addr", SampleType.ADDR],
  ["id", SampleType.ID],
  ["streamId", SampleType.STREAM_ID],
  ["cpu", SampleType.CPU],
  ["period", SampleType.PERIOD],
] as const;

/** The fields of a sample_id, all of 8 bytes, in their order. */
const TRAILER = [
  ["tid", SampleType.TID],
  ["time", SampleType.TIME],
  ["id", SampleType.ID],
  ["streamId", SampleType.STREAM_ID],
  ["cpu", SampleType.CPU],
  ["identifier", SampleType.IDENTIFIER],
] as const;

/** `sample_type` bits of the first fields and the call chain. */
const SIMPLE = FIXED.reduce((bits, [, bit]) => bits | bit, 0) |
  SampleType.CALLCHAIN;

/** Size of a branch: from, to, flags. */
const BRANCH_SIZE = 3 * U64_SIZE;

/** Offsets of 8-byte fields; {@linkcode ABSENT} for absent ones. */
export type FixedOffsets = Record<(typeof FIXED)[number][0], number>;

/**
 * Positions of the variable fields of one sample in its window; {@linkcode ABSENT} for
 * absent ones.
 */
export interface VariableFields {
  read: number;
  callchain: number;
  raw: number;
  branches: number;
  regsUser: number;
  stackUser: number;
  weight: number;
  dataSrc: number;
  transaction: number;
  regsIntr: number;
  physAddr: number;
  cgroup: number;
  dataPageSize: number;
  codePageSize: number;
  aux: number;
}

/** The layout of an event's samples. */
export class SampleLayout {
  /** Offsets of the first fields from the start of a sample. */
  readonly fixed: FixedOffsets;
  /** Offsets of a sample_id's fields from the end of a record, negative. */
  readonly trailer: FixedOffsets;
  /** Size of a sample_id; 0 if records have none. */
  readonly trailerSize: number;
  /** Size of a sample's header and first fields. */
  readonly fixedEnd: number;
  /** True if samples have no variable field except a call chain. */
  readonly isSimple: boolean;
  /** True if samples have a call chain. */
  readonly hasCallchain: boolean;
  readonly attr: PerfEventAttr;
  /** Number of registers in `regs_user`. */
  readonly userRegisters: number;
  /** Number of registers in `regs_intr`. */
  readonly interruptRegisters: number;

  /** Computes the layout. */
  constructor(attr: PerfEventAttr) {
    this.attr = attr;
    this.userRegisters = countBits(attr.sampleRegsUser);
    this.interruptRegisters = countBits(attr.sampleRegsIntr);
    const has = (bit: number) => (attr.sampleType & bit) !== 0;
    this.fixed = noOffsets();
    let end = EventHeader.size;
    for (const [field, bit] of FIXED) {
      if (!has(bit)) continue;
      this.fixed[field] = end;
      end += U64_SIZE;
    }
    this.fixedEnd = end;
    this.isSimple = (attr.sampleType & ~SIMPLE) === 0;
    this.hasCallchain = has(SampleType.CALLCHAIN);
    const trailer = attr.sampleIdAll ? TRAILER.filter(([, b]) => has(b)) : [];
    this.trailerSize = trailer.length * U64_SIZE;
    this.trailer = noOffsets();
    trailer.forEach(([field], index) => {
      this.trailer[field] = index * U64_SIZE - this.trailerSize;
    });
  }

  /**
   * Finds the variable fields of a sample.
   *
   * @param found Receives the positions.
   * @throws {PerfDataFormatError} If a field does not fit in the record.
   */
  locate(
    window: Window,
    start: number,
    size: number,
    found: VariableFields,
  ): void {
    const { sampleType } = this.attr;
    const end = start + size;
    let at = start + this.fixedEnd;
    if (at > end) {
      refuse(
        window,
        start + EventHeader.offsets.size,
        "header.size",
        `is ${size}, but the sample's first fields end at ${this.fixedEnd}`,
      );
    }

    /** Returns the start of a field of `width` bytes, or ABSENT. */
    const take = (bit: number, name: string, width: number = U64_SIZE) => {
      if ((sampleType & bit) === 0) return ABSENT;
      const field = at;
      if (width > end - at) {
        refuse(
          window,
          field,
          name,
          `needs ${width} bytes, but the record has ${end - at} left`,
        );
      }
      at += width;
      return field;
    };
    /** Extends the last field by `count` elements. */
    const extend = (count: number, width: number, name: string) => {
      const space = end - at;
      if (count * width > space) {
        refuse(
          window,
          at - U64_SIZE,
          name,
          `is ${count}, but the record has ${space} bytes left`,
        );
      }
      at += count * width;
    };
    /** Returns the start of a field that consists of a count and the elements after it. */
    const takeArray = (bit: number, name: string, width: number) => {
      const field = take(bit, `${name}.nr`);
      if (field !== ABSENT) extend(window.number(field), width, `${name}.nr`);
      return field;
    };
    const takeRegs = (bit: number, name: string, count: number) => {
      const field = take(bit, `${name}.abi`);
      if (field !== ABSENT && window.number(field) !== 0) {
        extend(count, U64_SIZE, `${name}.regs`);
      }
      return field;
    };

    found.read = take(SampleType.READ, "read");
    if (found.read !== ABSENT) {
      const [first, each] = this.#readWidths;
      extend(first, U64_SIZE, "read");
      if (each > 0) {
        extend(window.number(found.read), each * U64_SIZE, "read.nr");
      }
    }
    found.callchain = takeArray(SampleType.CALLCHAIN, "callchain", U64_SIZE);
    found.raw = take(SampleType.RAW, "raw.size", 4);
    if (found.raw !== ABSENT) extend(window.u32(found.raw), 1, "raw.size");
    found.branches = take(SampleType.BRANCH_STACK, "branch_stack.nr");
    if (found.branches !== ABSENT) {
      if (this.hasBranchIndex) extend(1, U64_SIZE, "branch_stack.hw_idx");
      const width = BRANCH_SIZE + (this.hasBranchCounters ? U64_SIZE : 0);
      extend(window.number(found.branches), width, "branch_stack.nr");
    }
    found.regsUser = takeRegs(
      SampleType.REGS_USER,
      "regs_user",
      this.userRegisters,
    );
    found.stackUser = takeArray(SampleType.STACK_USER, "stack_user", 1);
    if (found.stackUser !== ABSENT && window.number(found.stackUser) > 0) {
      extend(1, U64_SIZE, "stack_user.dyn_size");
    }
    found.weight = take(
      SampleType.WEIGHT | SampleType.WEIGHT_STRUCT,
      "weight",
    );
    found.dataSrc = take(SampleType.DATA_SRC, "data_src");
    found.transaction = take(SampleType.TRANSACTION, "transaction");
    found.regsIntr = takeRegs(
      SampleType.REGS_INTR,
      "regs_intr",
      this.interruptRegisters,
    );
    found.physAddr = take(SampleType.PHYS_ADDR, "phys_addr");
    found.cgroup = take(SampleType.CGROUP, "cgroup");
    found.dataPageSize = take(SampleType.DATA_PAGE_SIZE, "data_page_size");
    found.codePageSize = take(SampleType.CODE_PAGE_SIZE, "code_page_size");
    found.aux = takeArray(SampleType.AUX, "aux", 1);
  }

  /** True if branch stacks have a `hw_idx`. */
  get hasBranchIndex(): boolean {
    return (this.attr.branchSampleType & BranchSampleType.HW_INDEX) !== 0;
  }

  /** True if branch stacks end in counters. */
  get hasBranchCounters(): boolean {
    return (this.attr.branchSampleType & BranchSampleType.COUNTERS) !== 0;
  }

  /** Number of u64 after the first, and in each counter of a group (0: no group). */
  get #readWidths(): [number, number] {
    const { readFormat } = this.attr;
    const count = (...bits: number[]) =>
      bits.filter((bit) => (readFormat & bit) !== 0).length;
    const times = count(
      ReadFormat.TOTAL_TIME_ENABLED,
      ReadFormat.TOTAL_TIME_RUNNING,
    );
    const more = count(ReadFormat.ID, ReadFormat.LOST);
    return count(ReadFormat.GROUP) ? [times, 1 + more] : [times + more, 0];
  }
}

/** Returns positions that are all {@linkcode ABSENT}. */
export function noVariableFields(): VariableFields {
  return {
    ...{ read: ABSENT, callchain: ABSENT, raw: ABSENT, branches: ABSENT },
    ...{ regsUser: ABSENT, stackUser: ABSENT, weight: ABSENT },
    ...{ dataSrc: ABSENT, transaction: ABSENT, regsIntr: ABSENT },
    ...{ physAddr: ABSENT, cgroup: ABSENT, dataPageSize: ABSENT },
    ...{ codePageSize: ABSENT, aux: ABSENT },
  };
}

function noOffsets(): FixedOffsets {
  return Object.fromEntries(
    FIXED.map(([field]) => [field, ABSENT]),
  ) as FixedOffsets;
}

function countBits(mask: bigint): number {
  let count = 0;
  for (let rest = mask; rest > 0n; rest &= rest - 1n) count++;
  return count;
}

function refuse(
  window: Window,
  at: number,
  field: string,
  problem: string,
): never {
  window.refuse(problem, perfRecordName(PerfRecordType.Sample), field, at);
}
