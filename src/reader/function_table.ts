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
 * The functions of a dump, numbered from 0 in the order of the file. A large program has
 * several 100,000 functions with millions of lines: typed arrays need a fifth of the memory
 * of objects, and the garbage collector does not visit them.
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

  /** Adds a function; returns its number. */
  add(fn: DumpedFunction): number {
    const number = this.#size++;
    this.#reserve();
    for (const line of fn.lines) this.#addLine(line);
    const wide = number * Wide.count;
    this.#wide[wide + Wide.codeAddr] = fn.codeAddr;
    this.#wide[wide + Wide.codeIndex] = fn.codeIndex;
    this.#wide[wide + Wide.timestamp] = fn.timestamp;
    const size = number * Size.count;
    this.#sizes[size + Size.codeSize] = fn.codeSize;
    this.#sizes[size + Size.offset] = fn.offset;
    this.#sizes[size + Size.unwindingSize] = fn.unwindingSize;
    const small = number * Small.count;
    this.#small[small + Small.pid] = fn.pid;
    this.#small[small + Small.tid] = fn.tid;
    this.#small[small + Small.isComplete] = fn.isComplete ? 1 : 0;
    this.#small[small + Small.linesEnd] = this.#lineCount;
    this.#names.push(fn.name);
    return number;
  }

  /** Returns a function as an object. */
  get(number: number): DumpedFunction {
    const small = number * Small.count;
    const lines: LineEntry[] = [];
    for (let i = this.firstLine(number); i < this.linesEnd(number); i++) {
      lines.push({
        codeAddr: this.#lineAddresses[i],
        line: this.#lines[i * Line.count + Line.line],
        discrim: this.#lines[i * Line.count + Line.discrim],
        file: this.#files[this.#lines[i * Line.count + Line.file]],
      });
    }
    return {
      name: this.#names[number],
      codeIndex: this.codeIndex(number),
      pid: this.#small[small + Small.pid],
      tid: this.#small[small + Small.tid],
      codeAddr: this.codeAddr(number),
      codeSize: this.codeSize(number),
      timestamp: this.timestamp(number),
      offset: this.offset(number),
      lines,
      isComplete: this.#small[small + Small.isComplete] === 1,
      unwindingSize: this.#sizes[number * Size.count + Size.unwindingSize],
    };
  }

  /** Returns a function's name. */
  name(number: number): string {
    return this.#names[number];
  }

  /** Returns the address of a function's code, before any move. */
  codeAddr(number: number): bigint {
    return this.#wide[number * Wide.count + Wide.codeAddr];
  }

  /** Returns the size of a function's code in bytes. */
  codeSize(number: number): number {
    return this.#sizes[number * Size.count + Size.codeSize];
  }

  /** Returns a function's code index. */
  codeIndex(number: number): bigint {
    return this.#wide[number * Wide.count + Wide.codeIndex];
  }

  /** Returns the time of a function's load. */
  timestamp(number: number): bigint {
    return this.#wide[number * Wide.count + Wide.timestamp];
  }

  /** Returns the position in the file of a function's load. */
  offset(number: number): number {
    return this.#sizes[number * Size.count + Size.offset];
  }

  /** Returns the number of a function's first line entry. */
  firstLine(number: number): number {
    return number === 0 ? 0 : this.linesEnd(number - 1);
  }

  /** Returns the number after that of a function's last line entry. */
  linesEnd(number: number): number {
    return this.#small[number * Small.count + Small.linesEnd];
  }

  /** Returns the distance of a line entry from its function's start, in bytes. */
  lineOffset(number: number, entry: number): number {
    const code = 2 * (number * Wide.count + Wide.codeAddr);
    const [line, address] = [this.#lineHalves, this.#wideHalves];
    const high = line[2 * entry + 1] - address[code + 1];
    return high * 2 ** 32 + (line[2 * entry] - address[code]);
  }

  /** Returns the file and line of a line entry. */
  source(entry: number): { file: string; line: number } {
    const at = entry * Line.count;
    return {
      file: this.#files[this.#lines[at + Line.file]],
      line: this.#lines[at + Line.line],
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
