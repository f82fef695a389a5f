/**
 * PERF_RECORD_SAMPLE.
 *
 * @module
 */

import { U64Array } from "./bytes.ts";
import { PerfRecord, type RawRecord } from "./record.ts";
import {
  ABSENT,
  type FixedOffsets,
  noVariableFields,
  type SampleLayout,
  type VariableFields,
} from "./sample_layout.ts";
import type { PerfEvent } from "./events.ts";
import { ReadFormat } from "./constants.ts";
import { EventHeader, U64_SIZE } from "./structs.ts";

/** Registers of a sample. */
export interface SampledRegisters {
  /** ABI of the process: 1 for 32 bits, 2 for 64 bits; 0 if there are no registers. */
  readonly abi: number;
  /** The recorded registers, one bit each (asm/perf_regs.h). */
  readonly mask: bigint;
  /** Their values, from the lowest bit on. */
  readonly values: U64Array;
}

/** A taken branch. */
export interface SampledBranch {
  readonly from: bigint;
  readonly to: bigint;
  readonly flags: bigint;
}

/** The branches before a sample, latest first. */
export interface BranchStack {
  /** The processor's index of the latest branch; undefined if it is not recorded. */
  readonly hwIndex: bigint | undefined;
  readonly branches: SampledBranch[];
  /** Counters of each branch; empty if they are not recorded. */
  readonly counters: U64Array;
}

/** A counter's value. */
export interface CounterValue {
  readonly value: bigint;
  readonly id: bigint | undefined;
  readonly lost: bigint | undefined;
}

/** The values of a counter, or of its group. */
export interface SampledCounters {
  readonly timeEnabled: bigint | undefined;
  readonly timeRunning: bigint | undefined;
  readonly counters: CounterValue[];
}

/** `PERF_SAMPLE_WEIGHT_STRUCT`. */
export interface SampleWeights {
  readonly var1: number;
  readonly var2: number;
  readonly var3: number;
}

/** The positions found last. They are located anew before each use. */
const found: VariableFields = noVariableFields();

/**
 * A sample. A field that the event does not record is 0, −1 for ids of processes and
 * CPUs, or undefined.
 */
export class Sample extends PerfRecord {
  readonly #layout: SampleLayout;
  /** Position of the call chain's `nr` in the window, or ABSENT. */
  readonly #callchain: number;

  /**
   * Wraps a record, as the reader does.
   *
   * @param layoutOf The event whose layout the sample has: its own, or the first one if its
   * own is unknown.
   * @throws {PerfDataFormatError} If a field does not fit in the record.
   */
  constructor(raw: RawRecord, layoutOf: PerfEvent) {
    super(raw);
    const { layout } = layoutOf;
    const { window, at, size } = raw;
    this.#layout = layout;
    const chain = layout.fixedEnd;
    if (layout.isSimple && layout.hasCallchain) {
      const end = chain + U64_SIZE;
      if (
        size >= end && window.number(at + chain) <= (size - end) / U64_SIZE
      ) {
        this.#callchain = at + chain;
        return;
      }
    }
    layout.locate(window, at, size, found);
    this.#callchain = found.callchain;
  }

  /** The sampled address. `ipLow` and `ipHigh` return it without a bigint. */
  get ip(): bigint {
    return this.identity("ip") ?? 0n;
  }

  /** Bits 0 to 31 of {@linkcode ip}. */
  get ipLow(): number {
    const at = this.identityAt("ip");
    return at === ABSENT ? 0 : this.window.low(at);
  }

  /** Bits 32 to 63 of {@linkcode ip}. */
  get ipHigh(): number {
    const at = this.identityAt("ip");
    return at === ABSENT ? 0 : this.window.high(at);
  }

  /** The process; −1 if it is not recorded. */
  get pid(): number {
    const at = this.identityAt("tid");
    return at === ABSENT ? -1 : this.window.u32(at) | 0;
  }

  /** The thread; −1 if it is not recorded. */
  get tid(): number {
    const at = this.identityAt("tid");
    return at === ABSENT ? -1 : this.window.u32(at + 4) | 0;
  }

  /** The address of the sampled memory access. */
  get addr(): bigint {
    return this.identity("addr") ?? 0n;
  }

  /** The id of the event without inheritance. */
  get streamId(): bigint {
    return this.identity("streamId") ?? 0n;
  }

  /**
   * The number of events that the sample represents. If it is not recorded, it is the
   * event's fixed period, or 1 for a frequency.
   */
  get period(): number {
    const at = this.identityAt("period");
    if (at !== ABSENT) return this.window.number(at);
    const { attr } = this.event ?? {};
    return attr && !attr.freq ? Number(attr.samplePeriod) || 1 : 1;
  }

  /**
   * The addresses of the call chain, innermost first, with the kernel's markers (see
   * `Context`); undefined if it is not recorded.
   */
  get callchain(): U64Array | undefined {
    const at = this.#callchain;
    if (at === ABSENT) return undefined;
    return new U64Array(this.window, at + U64_SIZE, this.window.number(at));
  }

  /** The counters' values. */
  get read(): SampledCounters | undefined {
    const { attr } = this.#layout;
    let at = this.#locate().read;
    if (at === ABSENT) return undefined;
    const next = () => this.window.u64((at += U64_SIZE) - U64_SIZE);
    const nextIf = (bit: number) => attr.readFormat & bit ? next() : undefined;
    const isGroup = (attr.readFormat & ReadFormat.GROUP) !== 0;
    const first = next();
    const timeEnabled = nextIf(ReadFormat.TOTAL_TIME_ENABLED);
    const timeRunning = nextIf(ReadFormat.TOTAL_TIME_RUNNING);
    const counters: CounterValue[] = [];
    for (let left = isGroup ? first : 1n; left > 0n; left--) {
      counters.push({
        value: isGroup ? next() : first,
        id: nextIf(ReadFormat.ID),
        lost: nextIf(ReadFormat.LOST),
      });
    }
    return { timeEnabled, timeRunning, counters };
  }

  /** Data of a tracepoint or PMU. */
  get raw(): Uint8Array | undefined {
    const at = this.#locate().raw;
    if (at === ABSENT) return undefined;
    return this.window.bytes.subarray(at + 4, at + 4 + this.window.u32(at));
  }

  /** The branches before the sample. */
  get branchStack(): BranchStack | undefined {
    const start = this.#locate().branches;
    if (start === ABSENT) return undefined;
    const { window } = this;
    const { hasBranchIndex, hasBranchCounters } = this.#layout;
    const count = window.number(start);
    let at = start + U64_SIZE;
    const next = () => window.u64((at += U64_SIZE) - U64_SIZE);
    const hwIndex = hasBranchIndex ? next() : undefined;
    const branches = Array.from(
      { length: count },
      () => ({ from: next(), to: next(), flags: next() }),
    );
    const counters = new U64Array(window, at, hasBranchCounters ? count : 0);
    return { hwIndex, branches, counters };
  }

  /** The registers in user mode (`--call-graph dwarf`, `--user-regs`). */
  get userRegisters(): SampledRegisters | undefined {
    const { attr, userRegisters } = this.#layout;
    const at = this.#locate().regsUser;
    return this.#registers(at, attr.sampleRegsUser, userRegisters);
  }

  /** The registers at the interrupt. */
  get interruptRegisters(): SampledRegisters | undefined {
    const { attr, interruptRegisters } = this.#layout;
    const at = this.#locate().regsIntr;
    return this.#registers(at, attr.sampleRegsIntr, interruptRegisters);
  }

  /** The copied part of the user stack, from the stack pointer on. */
  get userStack(): Uint8Array | undefined {
    const at = this.#locate().stackUser;
    if (at === ABSENT) return undefined;
    const { window } = this;
    const space = window.number(at);
    const start = at + U64_SIZE;
    // dyn_size, after the copy, is the number of its bytes that belong to the stack.
    const used = space === 0
      ? 0
      : Math.min(space, window.number(start + space));
    return window.bytes.subarray(start, start + used);
  }

  /** The cost of the sampled access; with `WEIGHT_STRUCT`, its three parts in one number. */
  get weight(): bigint | undefined {
    return this.#u64(this.#locate().weight);
  }

  /** The parts of {@linkcode weight} with `WEIGHT_STRUCT`. */
  get weights(): SampleWeights | undefined {
    const at = this.#locate().weight;
    if (at === ABSENT) return undefined;
    const high = this.window.high(at);
    return {
      var1: this.window.low(at),
      var2: high & 0xffff,
      var3: high >>> 16,
    };
  }

  /** `PERF_SAMPLE_DATA_SRC`. */
  get dataSource(): bigint | undefined {
    return this.#u64(this.#locate().dataSrc);
  }

  /** `PERF_SAMPLE_TRANSACTION`. */
  get transaction(): bigint | undefined {
    return this.#u64(this.#locate().transaction);
  }

  /** `PERF_SAMPLE_PHYS_ADDR`. */
  get physicalAddress(): bigint | undefined {
    return this.#u64(this.#locate().physAddr);
  }

  /** `PERF_SAMPLE_CGROUP`. */
  get cgroup(): bigint | undefined {
    return this.#u64(this.#locate().cgroup);
  }

  /** `PERF_SAMPLE_DATA_PAGE_SIZE`. */
  get dataPageSize(): bigint | undefined {
    return this.#u64(this.#locate().dataPageSize);
  }

  /** `PERF_SAMPLE_CODE_PAGE_SIZE`. */
  get codePageSize(): bigint | undefined {
    return this.#u64(this.#locate().codePageSize);
  }

  /** Data of the AUX area (`PERF_SAMPLE_AUX`). */
  get aux(): Uint8Array | undefined {
    const at = this.#locate().aux;
    if (at === ABSENT) return undefined;
    const start = at + U64_SIZE;
    return this.window.bytes.subarray(start, start + this.window.number(at));
  }

  protected override identityAt(field: keyof FixedOffsets): number {
    const offset = this.#layout.fixed[field];
    return offset === ABSENT ? ABSENT : this.at + offset;
  }

  /** Samples have no sample_id after them. */
  protected override get bodyEnd(): number {
    return Math.max(EventHeader.size, this.size);
  }

  #locate(): VariableFields {
    this.#layout.locate(this.window, this.at, this.size, found);
    return found;
  }

  #registers(
    at: number,
    mask: bigint,
    count: number,
  ): SampledRegisters | undefined {
    if (at === ABSENT) return undefined;
    const abi = this.window.number(at);
    const length = abi === 0 ? 0 : count;
    const values = new U64Array(this.window, at + U64_SIZE, length);
    return { abi, mask, values };
  }

  #u64(at: number): bigint | undefined {
    return at === ABSENT ? undefined : this.window.u64(at);
  }
}
