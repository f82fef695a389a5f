/**
 * The functions of a dump in columns.
 *
 * @module
 */

import type { LineEntry } from "./dump_record.ts";
import type { DumpedFunction } from "./dumped_function.ts";

const INITIAL_CAPACITY = 64;

/** Columns of 64-bit numbers, adjacent in memory. */
const Wide = { codeAddr: 0, codeIndex: 1, timestamp: 2, count: 3 } as const;

/** Columns of sizes and offsets, which can exceed 32 bits. */
const Size = { codeSize: 0, offset: 1, unwindingSize: 2, count: 3 } as const;

/** Columns of small numbers. */
const Small = { pid: 0, tid: 1, isComplete: 2, linesEnd: 3, count: 4 } as const;

/** Columns of a line entry. */
const Line = { line: 0, discrim: 1, file: 2, count: 3 } as const;

/**
 * The functions of a dump, in file order. A large program has several 100,000 functions
 * with millions of lines: typed arrays need a fifth of the memory of objects, and the
 * garbage collector does not visit them.
 */
export class FunctionTable {
  #size = 0;
  #wide = new BigUint64Array(INITIAL_CAPACITY * Wide.count);
  #sizes = new Float64Array(INITIAL_CAPACITY * Size.count);
  #small = new Uint32Array(INITIAL_CAPACITY * Small.count);
  readonly #names: string[] = [];
  #lineCount = 0;
  #lineAddresses = new BigUint64Array(INITIAL_CAPACITY);
  #lines = new Uint32Array(INITIAL_CAPACITY * Line.count);
  /** Names of source files, each once. */
  readonly #files: string[] = [];
  readonly #byFile = new Map<string, number>();
  /** The same memory as halves of 32 bits, the lower half first: Deno is little-endian. */
  #wideHalves = new Uint32Array(this.#wide.buffer);
  #lineHalves = new Uint32Array(this.#lineAddresses.buffer);

  /** Number of functions. */
  get size(): number {
    return this.#size;
  }

  /** Number of line entries of all functions. */
  get lineCount(): number {
    return this.#lineCount;
  }

  /** Adds a function; returns its index in this table. */
  add(fn: DumpedFunction): number {
    const index = this.#size++;
    this.#reserve();
    for (const line of fn.lines) this.#addLine(line);
    const wide = index * Wide.count;
    this.#wide[wide + Wide.codeAddr] = fn.codeAddr;
    this.#wide[wide + Wide.codeIndex] = fn.codeIndex;
    this.#wide[wide + Wide.timestamp] = fn.timestamp;
    const size = index * Size.count;
    this.#sizes[size + Size.codeSize] = fn.codeSize;
    this.#sizes[size + Size.offset] = fn.offset;
    this.#sizes[size + Size.unwindingSize] = fn.unwindingSize;
    const small = index * Small.count;
    this.#small[small + Small.pid] = fn.pid;
    this.#small[small + Small.tid] = fn.tid;
    this.#small[small + Small.isComplete] = fn.isComplete ? 1 : 0;
    this.#small[small + Small.linesEnd] = this.#lineCount;
    this.#names.push(fn.name);
    return index;
  }

  /** Returns a function as an object. */
  get(index: number): DumpedFunction {
    const small = index * Small.count;
    const lines: LineEntry[] = [];
    for (let i = this.firstLine(index); i < this.linesEnd(index); i++) {
      lines.push({
        codeAddr: this.#lineAddresses[i],
        line: this.#lines[i * Line.count + Line.line],
        discrim: this.#lines[i * Line.count + Line.discrim],
        file: this.#files[this.#lines[i * Line.count + Line.file]],
      });
    }
    return {
      name: this.#names[index],
      codeIndex: this.codeIndex(index),
      pid: this.#small[small + Small.pid],
      tid: this.#small[small + Small.tid],
      codeAddr: this.codeAddr(index),
      codeSize: this.codeSize(index),
      timestamp: this.timestamp(index),
      offset: this.offset(index),
      lines,
      isComplete: this.#small[small + Small.isComplete] === 1,
      unwindingSize: this.#sizes[index * Size.count + Size.unwindingSize],
    };
  }

  /** Returns a function's name. */
  name(index: number): string {
    return this.#names[index];
  }

  /** Returns the address of a function's code, before any move. */
  codeAddr(index: number): bigint {
    return this.#wide[index * Wide.count + Wide.codeAddr];
  }

  /** Returns the size of a function's code in bytes. */
  codeSize(index: number): number {
    return this.#sizes[index * Size.count + Size.codeSize];
  }

  /** Returns a function's code index. */
  codeIndex(index: number): bigint {
    return this.#wide[index * Wide.count + Wide.codeIndex];
  }

  /** Returns the time of a function's load. */
  timestamp(index: number): bigint {
    return this.#wide[index * Wide.count + Wide.timestamp];
  }

  /** Returns the byte offset of a function's load in the file. */
  offset(index: number): number {
    return this.#sizes[index * Size.count + Size.offset];
  }

  /** Returns the index of a function's first line entry. */
  firstLine(index: number): number {
    return index === 0 ? 0 : this.linesEnd(index - 1);
  }

  /** Returns the index after that of a function's last line entry. */
  linesEnd(index: number): number {
    return this.#small[index * Small.count + Small.linesEnd];
  }

  /** Returns the distance of a line entry from its function's start, in bytes. */
  lineOffset(index: number, entry: number): number {
    const code = 2 * (index * Wide.count + Wide.codeAddr);
    const [line, address] = [this.#lineHalves, this.#wideHalves];
    const high = line[2 * entry + 1] - address[code + 1];
    return high * 2 ** 32 + (line[2 * entry] - address[code]);
  }

  /** Returns the file, line and discriminator of a line entry. */
  source(entry: number): Omit<LineEntry, "codeAddr"> {
    const at = entry * Line.count;
    return {
      file: this.#files[this.#lines[at + Line.file]],
      line: this.#lines[at + Line.line],
      discrim: this.#lines[at + Line.discrim],
    };
  }

  #addLine({ codeAddr, line, discrim, file }: LineEntry): void {
    const entry = this.#lineCount++;
    if (entry === this.#lineAddresses.length) {
      this.#lineAddresses = grown(this.#lineAddresses);
      this.#lineHalves = new Uint32Array(this.#lineAddresses.buffer);
      this.#lines = grown(this.#lines);
    }
    this.#lineAddresses[entry] = codeAddr;
    const at = entry * Line.count;
    this.#lines[at + Line.line] = line;
    this.#lines[at + Line.discrim] = discrim;
    let known = this.#byFile.get(file);
    if (known === undefined) {
      known = this.#files.push(file) - 1;
      this.#byFile.set(file, known);
    }
    this.#lines[at + Line.file] = known;
  }

  /** Grows the columns if the last function does not fit. */
  #reserve(): void {
    if (this.#size * Wide.count <= this.#wide.length) return;
    this.#wide = grown(this.#wide);
    this.#wideHalves = new Uint32Array(this.#wide.buffer);
    this.#sizes = grown(this.#sizes);
    this.#small = grown(this.#small);
  }
}

/** Returns a copy of twice the length. */
function grown<A extends BigUint64Array | Float64Array | Uint32Array>(
  old: A,
): A {
  const larger = new (old.constructor as new (length: number) => A)(
    2 * old.length,
  );
  larger.set(old as never);
  return larger;
}
