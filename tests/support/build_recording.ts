/**
 * A builder of recordings of processes.
 *
 * @module
 */

import {
  buildFile,
  buildPipe,
  type Bytes,
  CALLCHAIN,
  type EventFields,
  headerString,
  IDENTIFIER,
  IP,
  PERIOD,
  RecordBuilder,
  REGS_USER,
  STACK_USER,
  TID,
  TIME,
} from "./build_perf_data.ts";

/** Markers in call chains (PERF_CONTEXT_…). */
export const USER = 0xffff_ffff_ffff_fe00n;
export const KERNEL = 0xffff_ffff_ffff_ff80n;
export const USER_DEFERRED = 0xffff_ffff_ffff_fd80n;

/** Event of `--call-graph dwarf` whose only register is the instruction pointer. */
export const WITH_USER_IP: EventFields = {
  sampleType: IDENTIFIER | IP | TID | TIME | PERIOD | CALLCHAIN | REGS_USER |
    STACK_USER,
  regsUser: 1 << 8,
};

/** Event of `--call-graph dwarf` with the registers rbp, rsp and rip, in this order. */
export const WITH_STACK: EventFields = {
  ...WITH_USER_IP,
  regsUser: 1 << 6 | 1 << 7 | 1 << 8,
  stackUser: 64,
};

/** Samples and other records without a time. */
export const WITHOUT_TIME: EventFields = {
  sampleType: IDENTIFIER | IP | TID | PERIOD | CALLCHAIN,
};

/** The time of a recording's first record. */
export const START = 10n ** 13n;

const FLAGS = [18, 25]; // sample_id_all, use_clockid

/** Returns the fields of an event, whose clock defaults to CLOCK_MONOTONIC. */
const eventOf = (fields: EventFields, index: number): EventFields => ({
  sampleType: IDENTIFIER | IP | TID | TIME | PERIOD | CALLCHAIN,
  flags: FLAGS,
  clockid: 1,
  ids: [index + 1],
  ...fields,
});

/** Fields of a mapping; they default to executable code at offset 0. */
export interface MappingFields {
  pid?: number;
  start?: number;
  size?: number;
  offset?: number;
  inode?: number;
  device?: [major: number, minor: number];
  protection?: number;
  time?: number;
}

/** Fields of a sample; they default to one of the first event. */
export interface SampleFields {
  pid?: number;
  tid?: number;
  time?: number;
  period?: number;
  /** Index of the event. */
  event?: number;
  /** The call chain with its markers, the innermost frame first. */
  chain?: (bigint | number)[];
  isKernel?: boolean;
  /** The registers of the user's code, if the event records them. */
  registers?: number[];
  /** The user's stack, if the event records it. */
  stack?: Uint8Array;
}

/** A builder of a recording. Times are nanoseconds after `START`, and those of samples ascend. */
export class RecordingBuilder {
  readonly #data = new RecordBuilder();
  readonly #events: EventFields[];
  #time = 1000;

  /** @param events Defaults to cpu-clock. */
  constructor(...events: EventFields[]) {
    this.#events = (events.length > 0 ? events : [{}]).map(eventOf);
    this.comm(1, "first");
  }

  /** Adds a mapping of a file or of memory. */
  map(path: string, fields: MappingFields = {}): this {
    const { pid = 7, start = 0x10_0000, size = 0x1000, offset = 0 } = fields;
    const { inode = 0, device = [8, 1], protection = 5, time } = fields;
    this.#data.record(10, 2, (body) => {
      body.u32(pid, pid).u64(start, size, offset).u32(...device);
      body.u64(inode, 0).u32(protection, 2).text(path);
      this.#trailer(body, pid, time);
    });
    return this;
  }

  /** Adds a mapping of a dump with its current inode. */
  mapDump(path: string, fields: MappingFields = {}): this {
    const { ino } = Deno.statSync(path);
    return this.map(path, { inode: ino!, ...fields });
  }

  /** Adds PERF_RECORD_COMM: a thread's name. */
  comm(pid: number, name: string, isExec = false, time?: number): this {
    this.#data.record(3, isExec ? 1 << 13 : 0, (body) => {
      body.u32(pid, pid).text(name);
      this.#trailer(body, pid, time);
    });
    return this;
  }

  /** Adds PERF_RECORD_FORK: a child process. */
  fork(parent: number, child: number): this {
    this.#data.record(7, 0, (body) => {
      const time = this.#next();
      body.u32(child, parent, child, parent).u64(START + BigInt(time));
      this.#trailer(body, child, time);
    });
    return this;
  }

  /** Adds a sample. */
  sample(ip: bigint | number, fields: SampleFields = {}): this {
    const { pid = 7, tid = pid, period = 1, event = 0, chain = [] } = fields;
    const { isKernel = false, time = this.#next() } = fields;
    const { registers, stack = new Uint8Array(0) } = fields;
    this.#data.record(9, isKernel ? 1 : 2, (body) => {
      body.u64(event + 1, ip).u32(pid, tid).u64(...this.#times(time), period);
      body.u64(chain.length, ...chain);
      if (registers === undefined) return;
      body.u64(2, ...registers, stack.length);
      if (stack.length > 0) body.raw(stack).u64(stack.length);
    });
    return this;
  }

  /** Adds PERF_RECORD_CALLCHAIN_DEFERRED. */
  deferred(cookie: number, chain: (bigint | number)[]): this {
    this.#data.record(22, 2, (body) => {
      body.u64(cookie, chain.length, ...chain);
      this.#trailer(body, 7);
    });
    return this;
  }

  /** Adds PERF_RECORD_LOST. */
  lost(count: number): this {
    this.#data.record(2, 0, (body) => {
      body.u64(1, count);
      this.#trailer(body, 7);
    });
    return this;
  }

  /** Adds PERF_RECORD_TIME_CONV. */
  timeConv(shift: number, mult: number, zero: bigint): this {
    this.#data.record(79, 0, (body) => body.u64(shift, mult, zero));
    return this;
  }

  /** Returns the file; without its end if perf was killed. */
  file(killed = false): Uint8Array<ArrayBuffer> {
    return buildFile({
      events: this.#events,
      data: this.#data.bytes,
      // Hostname, kernel and architecture of another machine.
      features: {
        3: headerString("elsewhere"),
        4: headerString("0.0"),
        6: headerString("x86_64"),
      },
      killed,
    });
  }

  /** Returns the recording in the format of a pipe. */
  pipe(headerAttr: (into: RecordBuilder, event: EventFields) => void) {
    const records = new RecordBuilder();
    for (const event of this.#events) headerAttr(records, event);
    return buildPipe(records.raw(this.#data.bytes).bytes);
  }

  /** The field of a time, if records have one. */
  #times(time: number): bigint[] {
    const hasTime = (this.#events[0].sampleType! & TIME) !== 0;
    return hasTime ? [START + BigInt(time)] : [];
  }

  #next(): number {
    return this.#time += 1000;
  }

  #trailer(body: Bytes, pid: number, time = this.#next()): void {
    body.u32(pid, pid).u64(...this.#times(time), 1);
  }
}
