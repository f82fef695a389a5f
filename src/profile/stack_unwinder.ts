/**
 * Unwinding of the copies of the stack in samples.
 *
 * @module
 */

import type { Sample } from "../perf_data/sample.ts";
import { EM_AARCH64, EM_X86_64 } from "../format/machine.ts";
import type { Address } from "../symbols/address.ts";
import type { NativeSymbols } from "../symbols/native_symbols.ts";
import { RecognizedCode } from "../unwind/recognized_code.ts";
import { splice } from "../unwind/splice.ts";
import {
  type CodeSpace,
  type PlacedTable,
  Unwinder,
} from "../unwind/unwinder.ts";
import { UnwindTable } from "../unwind/unwind_table.ts";
import type { UnwoundChain } from "../unwind/unwound_chain.ts";
import type { AddressSpaces, MappedFile, Mapping } from "./address_space.ts";
import { readUnwinding } from "./dump_unwinding.ts";
import { NO_PIECE } from "../reader/code_history.ts";
import type { DumpedCode } from "./dumped_code.ts";
import type { Dump } from "./dumps.ts";
import type { Process } from "./processes.ts";

/** ELF's numbers of machines, by the kernel's names in recordings. */
const MACHINES: Record<string, number> = {
  x86_64: EM_X86_64,
  aarch64: EM_AARCH64,
};

/** Unwinds the stacks of a recording's samples. */
export class StackUnwinder {
  readonly #code: SampledCode;
  #arch: string | undefined;
  #unwinder: Unwinder | undefined;

  /** @param symbols Returns the native symbols, which keep the files open. */
  constructor(spaces: AddressSpaces, symbols: () => NativeSymbols) {
    this.#code = new SampledCode(spaces, symbols);
  }

  /**
   * Unwinds the stack of a sample; never throws.
   *
   * @param arch The recorded machine, such as `"x86_64"`.
   * @param kernel The user part of the chain that the kernel has recorded, innermost first: the
   * interrupted instruction, then return addresses.
   * @returns `undefined` if the sample has no copy of the stack, or is of a kernel thread.
   */
  unwind(
    sample: Sample,
    process: Process,
    arch: string | undefined,
    kernel: readonly Address[],
  ): UnwoundChain | undefined {
    const { userRegisters, userStack } = sample;
    // Kernel threads have no user registers.
    if (!userRegisters || !userStack || userRegisters.abi === 0) {
      return undefined;
    }
    if (arch !== this.#arch) {
      this.#arch = arch;
      this.#unwinder = Unwinder.for(MACHINES[arch ?? ""]);
    }
    if (this.#unwinder === undefined) return undefined;
    const code = this.#code;
    code.select(process, Math.max(sample.time, 0));
    const unwound = this.#unwinder.unwind(userRegisters, userStack, code);
    return splice(unwound, kernel, (address) => code.isExecutable(address));
  }
}

/** The unwind info of a dump. */
interface DumpTables {
  /** Sections `.eh_frame` by the byte offset of the function's load. */
  readonly sections: ReadonlyMap<number, Uint8Array>;
  /** Tables by the index of the piece of code. */
  readonly placed: Map<DumpedCode, Map<number, PlacedTable | undefined>>;
}

/** The rules for the code of a mapping. */
interface MappedTables {
  /** The rules of its unwind info, if it has any. */
  readonly info?: PlacedTable;
  /** The rules of code that is recognized by its instructions. */
  readonly code: PlacedTable;
}

/** The code of the process of a sample, at its time. */
class SampledCode implements CodeSpace {
  readonly #spaces: AddressSpaces;
  readonly #symbols: () => NativeSymbols;
  readonly #byFile = new Map<MappedFile, UnwindTable>();
  readonly #byMapping = new Map<Mapping, MappedTables>();
  readonly #byDump = new Map<Dump, DumpTables>();
  #process: Process | undefined;
  #time = 0;

  constructor(spaces: AddressSpaces, symbols: () => NativeSymbols) {
    this.#spaces = spaces;
    this.#symbols = symbols;
  }

  /** Selects a process and a time. */
  select(process: Process, time: number): void {
    this.#process = process;
    this.#time = time;
  }

  tableAt(address: Address): PlacedTable | undefined {
    const { pid = 0, dumps = [] } = this.#process ?? {};
    for (const { dump, code, until, isForeign } of dumps) {
      if (isForeign) continue;
      const piece = code.find(address, this.#time);
      if (piece === NO_PIECE || code.sinceOf(piece) > until) continue;
      return this.#tableOfPiece(dump, code, piece);
    }
    const mapping = this.#spaces.lookup(pid, address);
    if (mapping === undefined) return undefined;
    let tables = this.#byMapping.get(mapping);
    if (tables === undefined) {
      tables = this.#tablesOf(pid, address, mapping);
      this.#byMapping.set(mapping, tables);
    }
    const { info, code } = tables;
    return info?.table.find(address - info.bias) ? info : code;
  }

  isExecutable(address: Address): boolean {
    if (address < 0) return false;
    const { pid = 0, dumps = [] } = this.#process ?? {};
    return this.#spaces.lookup(pid, address) !== undefined ||
      dumps.some(({ code, isForeign }) =>
        !isForeign && code.find(address, this.#time) !== NO_PIECE
      );
  }

  #tableOfPiece(
    dump: Dump,
    code: DumpedCode,
    piece: number,
  ): PlacedTable | undefined {
    let tables = this.#byDump.get(dump);
    if (!tables) {
      tables = { sections: readUnwinding(dump.path), placed: new Map() };
      this.#byDump.set(dump, tables);
    }
    const { sections } = tables;
    let placed = tables.placed.get(code);
    if (!placed) tables.placed.set(code, placed = new Map());
    if (!placed.has(piece)) {
      const { functions } = code.history;
      const fn = code.functionOf(piece);
      const ehFrame = sections.get(functions.offset(fn));
      placed.set(
        piece,
        ehFrame && {
          table: UnwindTable.ofFunction(functions.codeSize(fn), ehFrame),
          bias: code.baseOf(piece),
        },
      );
    }
    return placed.get(piece);
  }

  #tablesOf(pid: number, address: Address, mapping: Mapping): MappedTables {
    const { file } = mapping;
    const symbols = this.#symbols();
    const table = new RecognizedCode((at, length) =>
      symbols.code(pid, at, mapping, length)
    );
    const code = { table, bias: 0 };
    const found = symbols.unwinding(pid, address, mapping);
    if (found === undefined) return { code };
    let info = this.#byFile.get(file);
    if (!info) this.#byFile.set(file, info = new UnwindTable(found.sections));
    return { code, info: { table: info, bias: address - found.address } };
  }
}
