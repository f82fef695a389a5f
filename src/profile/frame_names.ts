/**
 * Symbolization of addresses.
 *
 * @module
 */

import { namedCode } from "../engines.ts";
import { NO_PIECE } from "../reader/code_history.ts";
import type { Address } from "../symbols/address.ts";
import { KERNEL_PID, type Mapping } from "./address_space.ts";
import { demangle } from "../symbols/demangle.ts";
import type { NativeSymbols } from "../symbols/native_symbols.ts";
import type { CodeSymbol } from "../symbols/symbol_table.ts";
import type { DumpedCode } from "./dumped_code.ts";
import type { Dump } from "./dumps.ts";
import { FrameCache, UNKNOWN_FRAME } from "./frame_cache.ts";
import { UNNAMED } from "./function_frames.ts";
import type { FrameSymbol } from "./frame_symbol.ts";
import type { Process, Processes } from "./processes.ts";
import type { SourceMaps } from "./source_maps.ts";

/** An instruction of a dumped function. */
export interface FoundInstruction {
  readonly dump: Dump;
  readonly code: DumpedCode;
  /** The function's index in the table of that code. */
  readonly fn: number;
  /** Offset of the instruction in the function, in bytes. */
  readonly offset: number;
}

/** Paths of mappings without a named file. */
const ANONYMOUS =
  /^(\/\/anon|\/memfd:|\/dev\/zero|\/SYSV|\/anon_hugepage|anon_inode|\[anon|\[heap|\[stack)/;

/** Paths of memory that a process shares with its children. */
const SHARED = /^(\/memfd:|\/dev\/zero|\/dev\/shm\/|\/SYSV)/;

/** Symbols of V8's builtins, which the binaries of Node and Deno contain. */
const isV8Builtin = (symbol: string) => symbol.startsWith("Builtins_");

const UNKNOWN: FrameSymbol = {
  name: "[unknown]",
  category: "unknown",
  dso: "",
};

/** The frame that represents callers that could not be found. */
const CALLERS_UNKNOWN: FrameSymbol = {
  name: "[callers unknown]",
  category: "unknown",
  dso: "",
};

/** Returns whether a mapping can contain jitted code. */
export function isAnonymous(mapping: Mapping | undefined): boolean {
  return mapping === undefined || mapping.file.path === "" ||
    ANONYMOUS.test(mapping.file.path);
}

/** Symbolizes frames, each once. A frame is an index; equal frames have the same index. */
export class FrameNames {
  readonly #processes: Processes;
  readonly #symbols: () => NativeSymbols;
  readonly #sourceMaps: SourceMaps;
  readonly #frameSymbols: FrameSymbol[] = [];
  readonly #bySymbol = new Map<CodeSymbol, number>();
  /** Frames of native symbols, whose names may be mangled. */
  readonly #native = new Set<number>();
  readonly #unknown: number;
  #callersUnknown: number | undefined;
  readonly #cache = new FrameCache();
  /** The piece and the dump of the last named frame, if a dump has it. */
  #piece = NO_PIECE;
  #dump: Dump | undefined;
  #code: DumpedCode | undefined;
  #offset = 0;
  /** True if the function of the last named frame was recorded after the sample. */
  isEarly = false;

  /** @param symbols Returns the native symbols; called when the first is needed. */
  constructor(
    processes: Processes,
    symbols: () => NativeSymbols,
    sourceMaps: SourceMaps,
  ) {
    this.#processes = processes;
    this.#sourceMaps = sourceMaps;
    this.#symbols = symbols;
    this.#unknown = this.#add(UNKNOWN);
  }

  /** Returns all frames, with their names demangled if `c++filt` may be run. */
  async frameSymbols(): Promise<FrameSymbol[]> {
    const symbols = this.#frameSymbols.slice();
    const frames = [...this.#native];
    const names = await demangle(frames.map((frame) => symbols[frame].name));
    for (const frame of frames) {
      const name = names.get(symbols[frame].name);
      if (name !== undefined) symbols[frame] = { ...symbols[frame], name };
    }
    return symbols;
  }

  /** The instruction of the last named frame, if a dump has it. */
  get found(): FoundInstruction | undefined {
    const [dump, code, piece] = [this.#dump, this.#code, this.#piece];
    if (!dump || !code || piece === NO_PIECE) return undefined;
    return { dump, code, fn: code.functionOf(piece), offset: this.#offset };
  }

  /** Returns whether a frame is unnamed code in anonymous memory. */
  isUnknown(frame: number): boolean {
    return frame === this.#unknown;
  }

  /** The outermost frame of a chain whose outer callers are unknown. */
  get callersUnknown(): number {
    return this.#callersUnknown ??= this.#add(CALLERS_UNKNOWN);
  }

  /** Returns the frame of kernel code. */
  ofKernel(address: Address): number {
    this.#piece = NO_PIECE;
    return this.#ofSymbols(this.#processes.get(KERNEL_PID), address, true);
  }

  /** Returns the frame of a caller. Unlike {@linkcode ofUser}, it does not set `found`. */
  ofCaller(process: Process, address: Address, time: number): number {
    const { space } = process;
    const known = this.#cache.find(space, address, time);
    if (known !== UNKNOWN_FRAME) return known;
    const frame = this.ofUser(process, address, time);
    const [code, piece] = [this.#code, this.#piece];
    const isStable = code !== undefined && piece !== NO_PIECE &&
      !this.isEarly &&
      !(address >= process.lateStart && address < process.lateEnd);
    if (isStable) {
      const [since, until] = [code.sinceOf(piece), code.untilOf(piece)];
      this.#cache.set(space, address, frame, since, until);
    }
    return frame;
  }

  /** Returns the frame of a process's code at an address at a time. */
  ofUser(process: Process, address: Address, time: number): number {
    this.#piece = NO_PIECE;
    this.isEarly = false;
    // An address of the kernel's half is not user code; a call chain can contain any value.
    if (address < 0) return this.#unknown;
    for (const { dump, code, until, isForeign } of process.dumps) {
      if (isForeign && !this.#isShared(process, address)) continue;
      const piece = code.find(address, time);
      if (piece === NO_PIECE || code.sinceOf(piece) > until) continue;
      if (this.#isReplaced(process, address, dump, code, piece)) break;
      return this.#ofDump(dump, code, piece, address);
    }
    const frame = this.#ofSymbols(process, address, false);
    if (frame !== this.#unknown) return frame;
    for (const { dump, code, until, isForeign } of process.dumps) {
      if (isForeign && !this.#isShared(process, address)) continue;
      const piece = code.findLater(address, time);
      if (piece === NO_PIECE || code.sinceOf(piece) > until) continue;
      this.isEarly = true;
      return this.#ofDump(dump, code, piece, address);
    }
    return frame;
  }

  /**
   * Returns whether a file with a symbol at the address was mapped after the function.
   * There is no symbol if only the protection of the memory has changed.
   */
  #isReplaced(
    process: Process,
    address: Address,
    { clock }: Dump,
    code: DumpedCode,
    piece: number,
  ): boolean {
    if (address < process.lateStart || address >= process.lateEnd) return false;
    const mapping = this.#processes.spaces.lookup(process.pid, address);
    if (mapping === undefined || isAnonymous(mapping)) return false;
    const since = code.history.pieces.since(piece);
    if (clock !== "unknown" && mapping.time <= since) return false;
    const symbol = this.#symbols().find(process.pid, address, mapping);
    return symbol !== undefined && symbol.end > 0;
  }

  /** Returns whether an address is in memory that processes share, as PHP 8's code is. */
  #isShared({ pid }: Process, address: Address): boolean {
    const mapping = this.#processes.spaces.lookup(pid, address);
    return mapping !== undefined && SHARED.test(mapping.file.path);
  }

  #ofDump(
    dump: Dump,
    code: DumpedCode,
    piece: number,
    address: Address,
  ): number {
    const { history } = code;
    const fn = code.functionOf(piece);
    const offset = address - code.baseOf(piece);
    this.#piece = piece;
    this.#dump = dump;
    this.#code = code;
    this.#offset = offset;
    const entry = history.entryAt(fn, offset);
    const known = code.frames.get(fn, entry);
    if (known !== UNNAMED) return known;
    const maps = this.#sourceMaps;
    const recordedName = history.functions.name(fn);
    const { name, category } = namedCode(maps.nameOf(recordedName));
    const line = entry < 0 ? undefined : history.sourceOf(fn, entry);
    const source = line && maps.lineOf(recordedName, line);
    const frame = this.#add({ name, category, dso: "", source });
    code.frames.set(fn, entry, frame);
    return frame;
  }

  #ofSymbols(process: Process, address: Address, isKernel: boolean): number {
    const { names, pid } = process;
    const known = names.get(address);
    if (known !== undefined && known.version === process.version) {
      return known.frame;
    }
    const mapping = this.#processes.spaces.lookup(pid, address);
    if (known !== undefined && known.mapping === mapping) {
      known.version = process.version;
      return known.frame;
    }
    const frame = isKernel
      ? this.#kernelFrame(address, mapping)
      : this.#userFrame(pid, address, mapping);
    names.set(address, { mapping, frame, version: process.version });
    return frame;
  }

  #kernelFrame(address: Address, mapping: Mapping | undefined): number {
    const symbol = this.#symbols().find(KERNEL_PID, address, mapping);
    const dso = mapping?.file.path.replace(/_s?text$/, "") ??
      "[kernel.kallsyms]";
    return this.#ofSymbol(symbol, (name) => ({
      name,
      category: "kernel",
      dso,
    }));
  }

  #userFrame(
    pid: number,
    address: Address,
    mapping: Mapping | undefined,
  ): number {
    const symbol = this.#symbols().find(pid, address, mapping);
    const isMemory = isAnonymous(mapping);
    // Memory without a file has names in brackets, such as "[heap]".
    if (isMemory && !(symbol !== undefined && symbol.end > 0)) {
      return this.#unknown;
    }
    return this.#ofSymbol(symbol, (name) => {
      // Symbols of anonymous memory are from perf maps. V8's builtins are symbols of its binary.
      if (isMemory || isV8Builtin(name)) {
        const { name: shown, category } = namedCode(name);
        return { name: shown, category, dso: "" };
      }
      return { name, category: "native", dso: mapping?.file.path ?? "" };
    });
  }

  #ofSymbol(
    symbol: CodeSymbol | undefined,
    toSymbol: (name: string) => FrameSymbol,
  ): number {
    if (symbol === undefined) return this.#unknown;
    let frame = this.#bySymbol.get(symbol);
    if (frame === undefined) {
      const found = toSymbol(symbol.name);
      frame = this.#add(found);
      if (found.category === "native") this.#native.add(frame);
      this.#bySymbol.set(symbol, frame);
    }
    return frame;
  }

  #add(symbol: FrameSymbol): number {
    return this.#frameSymbols.push(symbol) - 1;
  }
}
