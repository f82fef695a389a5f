/**
 * The code of one mapped file.
 *
 * @module
 */

import { openDebugFile, type OpenElf } from "./debug_file.ts";
import { ElfFile, ElfFormatError } from "./elf_file.ts";
import { functionsOfDynsym, functionsOfSymtab } from "./elf_symbols.ts";
import { type ByteSource, InputFile, InputFileError } from "./input_file.ts";
import { stubsOf } from "./plt_symbols.ts";
import type { CodeSymbol, SymbolTable } from "./symbol_table.ts";
import {
  type FileUnwindSections,
  unwindSectionsOf,
} from "./unwind_sections.ts";
import type { Address } from "./address.ts";

/** Identity of a mapped file in a recording. */
export interface RecordedFile {
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  readonly inode: number;
  readonly buildId?: string;
}

/** A mapped file and its functions. */
export class Image implements Disposable {
  readonly #elf: ElfFile;
  readonly #functions: SymbolTable | undefined;
  readonly #stubs: SymbolTable | undefined;
  readonly #source: ByteSource;
  readonly #files: readonly Disposable[];
  #unwind: FileUnwindSections | undefined;
  #isUnwindRead = false;

  private constructor(
    elf: ElfFile,
    functions: SymbolTable | undefined,
    source: ByteSource,
    files: readonly Disposable[],
  ) {
    this.#elf = elf;
    this.#functions = functions;
    this.#stubs = stubsIn(elf);
    this.#source = source;
    this.#files = files;
  }

  /**
   * Opens a recorded file.
   *
   * @param root Directory in which the process saw its files; empty for this process's own.
   * @returns `undefined` if there is no such file.
   * @throws {InputFileError} If reading it is not allowed, or it is not the recorded file.
   * @throws {ElfFormatError} If its headers or symbols are not valid.
   */
  static open(recorded: RecordedFile, root: string): Image | undefined {
    const path = root + recorded.path;
    const file = InputFile.open(path);
    if (file === undefined) return undefined;
    const files = [file];
    try {
      const elf = new ElfFile(file);
      if (!isSame(recorded, file, elf)) {
        throw new InputFileError(
          `${path} is not the file that was recorded`,
          "record again, or restore the file",
        );
      }
      return new Image(
        elf,
        functionsOf({ file, elf }, path, root, files),
        file,
        files,
      );
    } catch (error) {
      for (const file of files) file[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Creates the image of a file that is in memory.
   *
   * @returns `undefined` if the recording has another build-id.
   * @throws {ElfFormatError} If its headers or symbols are not valid.
   */
  static ofMemory(
    { buildId }: RecordedFile,
    source: ByteSource,
  ): Image | undefined {
    const elf = new ElfFile(source);
    if (buildId !== undefined && !isSameBuildId(buildId, elf.buildId() ?? "")) {
      return undefined;
    }
    return new Image(elf, functionsOfDynsym(elf), source, []);
  }

  /** True if the file has symbols of functions. */
  get hasFunctions(): boolean {
    return this.#functions !== undefined;
  }

  /** Finds the function at an offset of the file. */
  functionAt(offset: number): CodeSymbol | undefined {
    const address = this.#elf.addressAt(offset);
    if (address === undefined) return undefined;
    // A function without a size may seem to contain the stubs.
    return this.#stubs?.find(address) ?? this.#functions?.find(address);
  }

  /** Returns the address of a byte of the file, according to its segments. */
  addressAt(offset: number): Address | undefined {
    return this.#elf.addressAt(offset);
  }

  /** Reads bytes of the file; fewer at its end. */
  read(offset: number, length: number): Uint8Array {
    return this.#source.read(offset, length);
  }

  /**
   * Reads the unwind info. Debug files have none.
   *
   * @throws {ElfFormatError} If its sections are not within the file.
   */
  unwindSections(): FileUnwindSections | undefined {
    if (!this.#isUnwindRead) {
      this.#isUnwindRead = true;
      this.#unwind = unwindSectionsOf(this.#elf);
    }
    return this.#unwind;
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file[Symbol.dispose]();
  }
}

/** Reads the stubs of a file; returns undefined if they are malformed. */
function stubsIn(elf: ElfFile): SymbolTable | undefined {
  try {
    return stubsOf(elf);
  } catch (error) {
    if (error instanceof ElfFormatError) return undefined;
    throw error;
  }
}

/** Reads the functions of a file or of its debug file, which is added to `files`. */
function functionsOf(
  { elf }: OpenElf,
  path: string,
  root: string,
  files: InputFile[],
): SymbolTable | undefined {
  const own = functionsOfSymtab(elf);
  if (own !== undefined) return own;
  const debug = openDebugFile(elf, path, root);
  if (debug !== undefined) {
    files.push(debug.file);
    try {
      const functions = functionsOfSymtab(debug.elf);
      if (functions !== undefined) return functions;
    } catch {
      // A malformed debug file is ignored.
    }
  }
  return functionsOfDynsym(elf);
}

/**
 * Returns whether a file is the recorded one. Compares build-ids if the recording has one.
 * Otherwise only a different inode on the same device proves that it is another file, because
 * overlay file systems report other devices.
 */
function isSame(
  recorded: RecordedFile,
  file: InputFile,
  elf: ElfFile,
): boolean {
  if (recorded.buildId !== undefined) {
    return isSameBuildId(recorded.buildId, elf.buildId() ?? "");
  }
  const { major, minor, inode } = file.identity;
  return recorded.inode === 0 || recorded.major !== major ||
    recorded.minor !== minor || recorded.inode === inode;
}

/** Compares build-ids. perf 6.1 pads a short one with zeros to 20 bytes in some records. */
function isSameBuildId(a: string, b: string): boolean {
  const length = Math.max(a.length, b.length);
  return a.length > 0 && b.length > 0 &&
    a.toLowerCase().padEnd(length, "0") === b.toLowerCase().padEnd(length, "0");
}
