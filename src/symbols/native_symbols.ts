/**
 * Names of code that no dump describes, from ELF files, perf maps and the kernel.
 *
 * Nothing here throws or prompts for permission. If a file cannot be read, its functions have
 * no names, and a note is added.
 *
 * `[vdso]` is read from this process's memory, if the recording is of this machine and Deno
 * allows it.
 *
 * @module
 */

import { type Address, isKernelAddress } from "./address.ts";
import { Image, type RecordedFile } from "./image.ts";
import { InputFileError, readText } from "./input_file.ts";
import type { SymbolNote } from "./note.ts";
import type { FileUnwindSections } from "./unwind_sections.ts";
import { isVdso, readVdso, VDSO } from "./vdso.ts";
import type { CodeSymbol, SymbolTable } from "./symbol_table.ts";
import {
  type KernelSymbols,
  parseKallsyms,
  parsePerfMap,
} from "./text_symbols.ts";

/** A mapping of code, such as a `Mapping` of `src/profile/address_space.ts`. */
export interface MappedCode {
  readonly file: RecordedFile;
  readonly start: Address;
  readonly pageOffset: number;
}

/** Options for `NativeSymbols`. */
export interface NativeSymbolsOptions {
  /**
   * Path of the recorded kernel's symbols, in the format of /proc/kallsyms. Pass
   * `/proc/kallsyms` only if this kernel was recorded. Without it, kernel code has no names.
   */
  readonly kallsyms?: string;
  /**
   * True if the recording is of this machine; undefined if that is unknown. If it is true, the
   * recorded processes may still run, so /proc/PID is read too.
   */
  readonly isThisMachine?: boolean;
}

/** Maximum size of a text file that is read. */
const LONGEST_TEXT = 256 * 2 ** 20;

/** Maximum number of notes. */
const MOST_NOTES = 1000;

/** Paths of mappings without a file. */
const ANONYMOUS =
  /^(\/\/anon|\/memfd:|\/dev\/zero|\/SYSV|\/anon_hugepage|\[anon)/;

/** Start of the names of the kernel's own image in a recording. */
const KERNEL_IMAGE = /^\[(guest\.)?kernel\.kallsyms/;

/** Finds the names of native functions. */
export class NativeSymbols implements Disposable {
  readonly #kallsyms: string | undefined;
  readonly #isThisMachine: boolean | undefined;
  readonly #images = new Map<RecordedFile, Image | undefined>();
  readonly #unnamed = new Map<RecordedFile | undefined, CodeSymbol>();
  readonly #perfMaps = new Map<number, SymbolTable | undefined>();
  readonly #notes = new Map<string, SymbolNote>();
  #kernel: KernelSymbols | undefined | "unread" = "unread";

  constructor({ kallsyms, isThisMachine }: NativeSymbolsOptions = {}) {
    this.#kallsyms = kallsyms;
    this.#isThisMachine = isThisMachine;
  }

  /**
   * Finds the function at an address. The same function is the same object each time.
   *
   * @param pid The process; a negative number denotes the kernel.
   * @param mapping The mapping at the address, if any. Its `file` is the key of a cache: pass
   *   the same object for the same file.
   * @returns The function; `[basename of the file]`, with `start` and `end` 0, for code of a
   *   file or a kernel without symbols; `undefined` for anonymous code without a perf map.
   */
  find(
    pid: number,
    address: Address,
    mapping: MappedCode | undefined,
  ): CodeSymbol | undefined {
    // On a 32-bit machine, kernel addresses are in the user's half.
    if (pid < 0 || isKernelAddress(address)) {
      return this.#findInKernel(address, mapping);
    }
    const path = mapping?.file.path ?? "";
    if (mapping === undefined || path === "" || ANONYMOUS.test(path)) {
      return this.#perfMap(pid)?.find(address);
    }
    if (!path.startsWith("/")) {
      // [heap], [stack] and unnamed memory may contain jitted code; [vdso] does not.
      if (isVdso(path, mapping.start)) {
        return this.#findInFile(
          pid,
          offsetIn(mapping, address),
          mapping.file,
        ) ??
          this.#unnamedCode(mapping.file);
      }
      const isSpecial = path === VDSO || path === "[vsyscall]";
      const found = isSpecial ? undefined : this.#perfMap(pid)?.find(address);
      return found ?? this.#unnamedCode(mapping.file);
    }
    return this.#findInFile(pid, offsetIn(mapping, address), mapping.file) ??
      this.#unnamedCode(mapping.file);
  }

  /**
   * Reads the unwind info of a mapped file, and converts an address in memory to one in the
   * file.
   *
   * @returns `undefined` if the file has none or cannot be read.
   */
  unwinding(
    pid: number,
    address: Address,
    mapping: MappedCode,
  ): { sections: FileUnwindSections; address: Address } | undefined {
    const { file } = mapping;
    if (!hasImage(mapping)) return undefined;
    try {
      const image = this.#image(pid, file);
      const inFile = image?.addressAt(offsetIn(mapping, address));
      if (image === undefined || inFile === undefined) return undefined;
      const sections = image.unwindSections();
      return sections && { sections, address: inFile };
    } catch (error) {
      this.#noteError(file.path, error);
      return undefined;
    }
  }

  /** Reads code of a mapped file; fewer bytes if it has no more, or cannot be read. */
  code(
    pid: number,
    address: Address,
    mapping: MappedCode,
    length: number,
  ): Uint8Array {
    const { file } = mapping;
    if (!hasImage(mapping)) return new Uint8Array(0);
    try {
      const image = this.#image(pid, file);
      return image?.read(offsetIn(mapping, address), length) ??
        new Uint8Array(0);
    } catch (error) {
      this.#noteError(file.path, error);
      return new Uint8Array(0);
    }
  }

  /** Returns the reasons for missing names so far. */
  notes(): SymbolNote[] {
    return [...this.#notes.values()];
  }

  /** Closes all files. */
  [Symbol.dispose](): void {
    for (const image of this.#images.values()) image?.[Symbol.dispose]();
    this.#images.clear();
  }

  #findInFile(
    pid: number,
    offset: number,
    file: RecordedFile,
  ): CodeSymbol | undefined {
    try {
      return this.#image(pid, file)?.functionAt(offset);
    } catch (error) {
      this.#noteError(file.path, error);
      return undefined;
    }
  }

  #image(pid: number, file: RecordedFile): Image | undefined {
    if (!this.#images.has(file)) this.#images.set(file, this.#open(pid, file));
    return this.#images.get(file);
  }

  /** Returns the vdso of this machine, if it was recorded. */
  #vdso(file: RecordedFile): Image | undefined {
    if (this.#isThisMachine !== true) return undefined;
    const source = readVdso();
    return source && Image.ofMemory(file, source);
  }

  /** Opens a file by its path, or under the root directory of the process while it runs. */
  #open(pid: number, file: RecordedFile): Image | undefined {
    if (file.path === VDSO) return this.#vdso(file);
    let failure: unknown;
    const roots = this.#isThisMachine ? ["", `/proc/${pid}/root`] : [""];
    for (const root of roots) {
      try {
        const image = Image.open(file, root);
        if (image === undefined) continue;
        if (this.#isThisMachine === false && file.buildId === undefined) {
          this.#note(
            `the recording is of another machine and has no build-id of ${file.path}, so its functions are named after this machine's file, which may be another version`,
            "run the report on the recorded machine",
          );
        }
        return image;
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) this.#noteError(file.path, failure);
    else {
      this.#note(
        `${file.path} is missing, so its functions have no names`,
        "restore the file, or run the report on the recorded machine",
      );
    }
    return undefined;
  }

  #findInKernel(
    address: Address,
    mapping: MappedCode | undefined,
  ): CodeSymbol {
    if (this.#kernel === "unread") this.#kernel = this.#readKernel();
    const kernel = this.#kernel;
    const isImage = mapping && KERNEL_IMAGE.test(mapping.file.path);
    if (
      kernel !== undefined && isImage && mapping.file.path.endsWith("_text")
    ) {
      // The page offset of this mapping is the address of _text at the time of recording.
      const { pageOffset } = mapping;
      if (kernel.text !== undefined && pageOffset !== kernel.text) {
        this.#note(
          "the kernel has been restarted since the recording, and its functions have moved",
          "record again",
        );
        return this.#unnamedCode(undefined);
      }
    }
    return kernel?.table.find(address) ?? this.#unnamedCode(undefined);
  }

  #readKernel(): KernelSymbols | undefined {
    const path = this.#kallsyms;
    if (path === undefined) return undefined;
    try {
      const text = readText(path, LONGEST_TEXT);
      const symbols = text === undefined ? undefined : parseKallsyms(text);
      if (symbols === undefined) {
        this.#note(
          `${path} has no addresses of functions, so the kernel's functions have no names`,
          "run as root, or set /proc/sys/kernel/kptr_restrict to 0",
        );
      }
      return symbols;
    } catch (error) {
      this.#noteError(path, error);
      return undefined;
    }
  }

  #perfMap(pid: number): SymbolTable | undefined {
    if (this.#perfMaps.has(pid)) return this.#perfMaps.get(pid);
    const table = this.#readPerfMap(pid);
    this.#perfMaps.set(pid, table);
    return table;
  }

  #readPerfMap(pid: number): SymbolTable | undefined {
    if (pid <= 0) return undefined;
    const path = `/tmp/perf-${pid}.map`;
    try {
      const text = readText(path, LONGEST_TEXT);
      return text === undefined ? undefined : parsePerfMap(text);
    } catch (error) {
      this.#noteError(path, error);
      return undefined;
    }
  }

  #unnamedCode(file: RecordedFile | undefined): CodeSymbol {
    let code = this.#unnamed.get(file);
    if (code === undefined) {
      code = { start: 0, end: 0, name: unnamed(file?.path ?? "[kernel]") };
      this.#unnamed.set(file, code);
    }
    return code;
  }

  #noteError(path: string, error: unknown): void {
    if (error instanceof InputFileError) {
      this.#note(
        `${error.message}, so its functions have no names`,
        error.remedy,
      );
    } else {
      const reason = error instanceof Error ? error.message : String(error);
      this.#note(
        `${path} has no usable symbols: ${reason}`,
        "install the file again",
      );
    }
  }

  #note(text: string, remedy: string): void {
    if (this.#notes.size < MOST_NOTES) this.#notes.set(text, { text, remedy });
  }
}

/** Returns whether the code of a mapping can be read: that of a file, or of the vdso. */
const hasImage = ({ file: { path }, start }: MappedCode): boolean =>
  path.startsWith("/") && !ANONYMOUS.test(path) || isVdso(path, start);

const offsetIn = (
  { start, pageOffset }: MappedCode,
  address: Address,
): number => address - start + pageOffset;

/** Returns `[basename]` for a path; keeps a name in brackets. */
function unnamed(path: string): string {
  return path.startsWith("[")
    ? path
    : `[${path.slice(path.lastIndexOf("/") + 1)}]`;
}
