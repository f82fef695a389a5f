/**
 * What `perf script` prints, as samples and mappings.
 *
 * @module
 */

/** An address of a call chain, as perf knows it. */
export interface Frame {
  /**
   * The address, in the process where perf knows no file, else in the file. Of a caller
   * it is behind the call.
   */
  readonly address: bigint;
  /** The symbol; undefined where perf knows none. */
  readonly symbol: string | undefined;
  /** How many bytes the address is behind the symbol. */
  readonly offset: number;
  /** The file, or what perf says instead, as `[kernel.kallsyms]`. */
  readonly object: string;
}

/** A moment at which a thread was looked at. */
export interface Sample {
  readonly kind: "sample";
  readonly command: string;
  readonly pid: number;
  readonly tid: number;
  /** In nanoseconds of the recording's clock. */
  readonly time: bigint;
  /** What it stands for, in units of the event. */
  readonly period: number;
  readonly event: string;
  /** Where the thread was, and where it was called from: the innermost first. */
  readonly frames: readonly Frame[];
}

/** Memory that got executable, and the file that was in it. */
export interface Mapping {
  readonly kind: "mapping";
  readonly pid: number;
  readonly path: string;
  readonly start: bigint;
  readonly size: bigint;
  /** Where in the file it begins. */
  readonly offset: bigint;
}

/** What to ask `perf script` for. */
export const PERF_SCRIPT_OPTIONS: readonly string[] = [
  "--ns",
  "--show-mmap-events",
  // Functions that a compiler has inlined are their callers'.
  "--no-inline",
  ...["-F", "comm,pid,tid,time,period,event,ip,sym,symoff,dso"],
];

/** `comm pid/tid seconds.nanoseconds: ` and the rest. */
const HEAD = /^(.*?) +(-?\d+)\/(-?\d+) +(\d+)\.(\d{9}): +(.*)$/;

/**
 * `period event: `, and without call graphs the frame behind it. An event may have
 * modifiers, as in `cycles:ppp:`.
 */
const EVENT = /^(\d+) +(\S+):(?: +(.*))?$/;

/** `pid/tid: [start(size) @ offset …]: protection path` */
const MAPPING =
  /^PERF_RECORD_MMAP2? (-?\d+)\/-?\d+: \[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ (?:0x)?([0-9a-f]+)[^\]]*\]: \S+ (.*)$/;

/** `address symbol+0xoffset (object)`. Symbols and objects may have ` (` in them. */
const FRAME = /^\s*([0-9a-f]+) (.*)\+0x([0-9a-f]+) \((.*)\)$/;

/** `address symbol (object)`, where perf is not asked for offsets. */
const FRAME_WITHOUT_OFFSET = /^\s*([0-9a-f]+) (.*)() \((.*)\)$/;

/** `address [unknown] (object)`, where perf knows no symbol. */
const NO_SYMBOL = /^\s*([0-9a-f]+) \[unknown\] \((.*)\)$/;

const big = (hex: string) => BigInt(`0x${hex}`);

/** Takes what `perf script` prints line by line. */
export class PerfScriptParser {
  /** Frames that perf knows come again and again; of others there may be millions. */
  readonly #frames = new Map<string, Frame>();
  #sample: { -readonly [K in keyof Sample]: Sample[K] } | undefined;
  #chain: Frame[] = [];

  /** Takes a line; gives what it completes. */
  add(line: string): Sample | Mapping | undefined {
    if (line === "") return this.end();
    if (this.#sample) {
      const frame = this.#frame(line);
      if (frame) this.#chain.push(frame);
      return undefined;
    }
    const head = HEAD.exec(line);
    if (!head) return undefined;
    const [, command, pid, tid, seconds, nanoseconds, rest] = head;
    const event = EVENT.exec(rest);
    if (!event) return mapping(rest);
    const frame = event[3] ? this.#frame(event[3]) : undefined;
    this.#chain = frame ? [frame] : [];
    this.#sample = {
      kind: "sample",
      command: command.trim(),
      pid: Number(pid),
      tid: Number(tid),
      time: BigInt(seconds + nanoseconds),
      period: Number(event[1]),
      event: event[2],
      frames: this.#chain,
    };
    // Without call graphs no empty line follows.
    return frame ? this.end() : undefined;
  }

  /** Gives the last sample, behind the last line. */
  end(): Sample | undefined {
    const sample = this.#sample;
    this.#sample = undefined;
    return sample;
  }

  #frame(line: string): Frame | undefined {
    const unknown = NO_SYMBOL.exec(line);
    if (unknown) {
      const [, address, object] = unknown;
      return { address: big(address), symbol: undefined, offset: 0, object };
    }
    const known = this.#frames.get(line);
    if (known) return known;
    const match = FRAME.exec(line) ?? FRAME_WITHOUT_OFFSET.exec(line);
    if (!match) return undefined;
    const [, address, symbol, offset, object] = match;
    const frame = {
      address: big(address),
      symbol,
      offset: offset === "" ? 0 : parseInt(offset, 16),
      object,
    };
    this.#frames.set(line, frame);
    return frame;
  }
}

function mapping(text: string): Mapping | undefined {
  const match = MAPPING.exec(text);
  if (!match) return undefined;
  const [, pid, start, size, offset, path] = match;
  return {
    kind: "mapping",
    pid: Number(pid),
    path,
    start: big(start),
    size: big(size),
    offset: big(offset),
  };
}
