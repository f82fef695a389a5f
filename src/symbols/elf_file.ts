/**
 * ELF files: headers, segments, sections, symbols, build-id and debuglink, of 32 and 64 bits
 * and both byte orders.
 *
 * @module
 */

import { type Address, addressOfHalves } from "./address.ts";
import type { ByteSource } from "./input_file.ts";

/** Error for a file that is not valid ELF. */
export class ElfFormatError extends Error {
  override name = "ElfFormatError";

  constructor(problem: string, readonly offset: number) {
    super(`Not a valid ELF file: ${problem} at byte ${offset}`);
  }
}

/** A word: 4 bytes in a 32-bit file, 8 in a 64-bit file. */
type Width = 1 | 2 | 4 | "word";

type Layout = readonly (readonly [name: string, width: Width])[];

const WORD = "word";

const FILE_HEADER = [
  ["type", 2],
  ["machine", 2],
  ["version", 4],
  ["entry", WORD],
  ["phoff", WORD],
  ["shoff", WORD],
  ["flags", 4],
  ["ehsize", 2],
  ["phentsize", 2],
  ["phnum", 2],
  ["shentsize", 2],
  ["shnum", 2],
  ["shstrndx", 2],
] as const;

const PROGRAM_HEADER_64 = [
  ["type", 4],
  ["flags", 4],
  ["offset", WORD],
  ["vaddr", WORD],
  ["paddr", WORD],
  ["filesz", WORD],
  ["memsz", WORD],
  ["align", WORD],
] as const;

const PROGRAM_HEADER_32 = [
  ["type", 4],
  ["offset", WORD],
  ["vaddr", WORD],
  ["paddr", WORD],
  ["filesz", WORD],
  ["memsz", WORD],
  ["flags", 4],
  ["align", WORD],
] as const;

const SECTION_HEADER = [
  ["name", 4],
  ["type", 4],
  ["flags", WORD],
  ["addr", WORD],
  ["offset", WORD],
  ["size", WORD],
  ["link", 4],
  ["info", 4],
  ["addralign", WORD],
  ["entsize", WORD],
] as const;

const SYMBOL_64 = [
  ["name", 4],
  ["info", 1],
  ["other", 1],
  ["shndx", 2],
  ["value", WORD],
  ["size", WORD],
] as const;

const SYMBOL_32 = [
  ["name", 4],
  ["value", WORD],
  ["size", WORD],
  ["info", 1],
  ["other", 1],
  ["shndx", 2],
] as const;

const IDENT_SIZE = 16;
const PT_LOAD = 1;
const PT_NOTE = 4;
const SHT_NOTE = 7;
const NT_GNU_BUILD_ID = 3;

/** Maximum size of a table that is read. */
const LONGEST_TABLE = 256 * 2 ** 20;

/** Maximum number of sections and segments of notes that are read. */
const MOST_NOTES = 64;

/** Maximum number of bytes read of a note segment, or of a name. */
const LONGEST_NOTE = 64 * 1024;

/** A struct of the file, decoded. */
type Fields<L extends Layout> = Record<L[number][0], number>;

/** A program header. */
export type ElfSegment = Fields<typeof PROGRAM_HEADER_64>;

/** A section header. */
export type ElfSection = Fields<typeof SECTION_HEADER>;

/** A symbol. */
export type ElfSymbol = Fields<typeof SYMBOL_64>;

/** Name and checksum of a debug file. */
export interface DebugLink {
  readonly name: string;
  readonly crc: number;
}

/** An ELF file. Its headers are read at once, other parts on demand. */
export class ElfFile {
  readonly #source: ByteSource;
  readonly #isLittle: boolean;
  readonly #is64: boolean;
  readonly #header: Fields<typeof FILE_HEADER>;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];

  /** @throws {ElfFormatError} If the headers are not valid. */
  constructor(source: ByteSource) {
    this.#source = source;
    const ident = source.read(0, IDENT_SIZE);
    if (
      ident.length < IDENT_SIZE || ident[0] !== 0x7f || ident[1] !== 0x45 ||
      ident[2] !== 0x4c || ident[3] !== 0x46
    ) throw new ElfFormatError("wrong magic number", 0);
    const [, , , , fileClass, order] = ident;
    if (fileClass !== 1 && fileClass !== 2) {
      throw new ElfFormatError(`unknown class ${fileClass}`, 4);
    }
    if (order !== 1 && order !== 2) {
      throw new ElfFormatError(`unknown byte order ${order}`, 5);
    }
    this.#is64 = fileClass === 2;
    this.#isLittle = order === 1;
    this.#header = this.#structs(FILE_HEADER, IDENT_SIZE, 1, 0)[0];
    const { phoff, phentsize, shoff, shentsize } = this.#header;
    let { phnum, shnum } = this.#header;
    if (shoff !== 0) {
      // Counts that do not fit in the header are in the first section header.
      const [first] = this.#structs(SECTION_HEADER, shoff, 1, shentsize);
      if (shnum === 0) shnum = first.size;
      if (phnum === 0xffff) phnum = first.info;
    }
    this.sections = shoff === 0
      ? []
      : this.#structs(SECTION_HEADER, shoff, shnum, shentsize);
    const layout = this.#is64 ? PROGRAM_HEADER_64 : PROGRAM_HEADER_32;
    this.segments = phoff === 0
      ? []
      : this.#structs(layout, phoff, phnum, phentsize);
  }

  /** The machine of the file's code (`EM_…`). */
  get machine(): number {
    return this.#header.machine;
  }

  /** Returns the virtual address of a byte of the file, according to its segments. */
  addressAt(offset: number): Address | undefined {
    for (const { type, offset: start, filesz, vaddr } of this.segments) {
      if (type === PT_LOAD && offset >= start && offset < start + filesz) {
        return vaddr + (offset - start);
      }
    }
    return undefined;
  }

  /** Returns the build-id in hexadecimal, if there is one. */
  buildId(): string | undefined {
    // Sections are tried first, because the segments of debug files have no contents.
    const notes = [
      ...this.sections.filter(({ type }) => type === SHT_NOTE),
      ...this.segments.filter(({ type }) => type === PT_NOTE)
        .map(({ offset, filesz }) => ({ offset, size: filesz })),
    ];
    for (const { offset, size } of notes.slice(0, MOST_NOTES)) {
      const id = this.#buildIdIn(offset, size);
      if (id !== undefined) return id;
    }
    return undefined;
  }

  /** Returns the contents of `.gnu_debuglink`, if there is one. */
  debugLink(): DebugLink | undefined {
    const section = this.sectionNamed(".gnu_debuglink");
    if (section === undefined) return undefined;
    const bytes = this.#bytes(
      section.offset,
      Math.min(section.size, LONGEST_NOTE),
    );
    const end = bytes.indexOf(0);
    const crc = (end + 4) & ~3;
    if (end <= 0 || crc + 4 > bytes.length) return undefined;
    const name = new TextDecoder().decode(bytes.subarray(0, end));
    // A path would lead out of the directories that are searched.
    if (name.includes("/")) return undefined;
    return { name, crc: this.#view(bytes).getUint32(crc, this.#isLittle) };
  }

  /** Finds a section by its name. */
  sectionNamed(name: string): ElfSection | undefined {
    let { shstrndx } = this.#header;
    if (shstrndx === 0xffff) shstrndx = this.sections[0]?.link ?? 0;
    const names = this.sections[shstrndx];
    if (names === undefined) return undefined;
    const wanted = new TextEncoder().encode(`${name}\0`);
    const table = this.#bytes(names.offset, Math.min(names.size, LONGEST_NOTE));
    return this.sections.find(({ name }) =>
      wanted.every((byte, i) => table[name + i] === byte)
    );
  }

  /**
   * Reads the contents of a section.
   *
   * @throws {ElfFormatError} If it is not within the file.
   */
  contents(section: ElfSection): Uint8Array {
    return this.#bytes(section.offset, section.size);
  }

  /**
   * Calls `visit` with the fields of each symbol of a table, always in the same object.
   *
   * @throws {ElfFormatError} If the table is not within the file.
   */
  forEachSymbol(section: ElfSection, visit: (symbol: ElfSymbol) => void): void {
    const layout = this.#is64 ? SYMBOL_64 : SYMBOL_32;
    const { decode, size } = decoderOf(layout, this.#is64, this.#isLittle);
    const stride = section.entsize || size;
    if (stride < size) {
      throw new ElfFormatError(
        `symbol size of ${stride} bytes`,
        section.offset,
      );
    }
    const view = this.#view(this.#bytes(section.offset, section.size));
    const fields = {} as ElfSymbol;
    for (let at = 0; at + size <= view.byteLength; at += stride) {
      decode(view, at, fields);
      visit(fields);
    }
  }

  /** Returns the string at an offset of a string table; empty if there is none. */
  string(table: ElfSection, offset: number): string {
    const isWithin = table.offset >= 0 && table.offset < this.#source.size &&
      offset < table.size;
    if (!isWithin) return "";
    for (let length = 256;; length *= 4) {
      const wanted = Math.min(length, table.size - offset);
      const bytes = this.#source.read(table.offset + offset, wanted);
      const end = bytes.indexOf(0);
      if (end >= 0 || bytes.length < length || length >= LONGEST_NOTE) {
        return new TextDecoder().decode(
          end >= 0 ? bytes.subarray(0, end) : bytes,
        );
      }
    }
  }

  #buildIdIn(offset: number, size: number): string | undefined {
    const bytes = this.#bytes(offset, Math.min(size, LONGEST_NOTE));
    const view = this.#view(bytes);
    for (let at = 0; at + 12 <= bytes.length;) {
      const nameSize = view.getUint32(at, this.#isLittle);
      const size = view.getUint32(at + 4, this.#isLittle);
      const type = view.getUint32(at + 8, this.#isLittle);
      const name = at + 12;
      const content = name + Math.ceil(nameSize / 4) * 4;
      const isGnu = nameSize === 4 && bytes[name] === 0x47 &&
        bytes[name + 1] === 0x4e && bytes[name + 2] === 0x55;
      if (isGnu && type === NT_GNU_BUILD_ID) {
        if (size === 0 || content + size > bytes.length) return undefined;
        return bytes.subarray(content, content + size).toHex();
      }
      at = content + Math.ceil(size / 4) * 4;
    }
    return undefined;
  }

  #structs<L extends Layout>(
    layout: L,
    offset: number,
    count: number,
    entrySize: number,
  ): Fields<L>[] {
    const { decode, size } = decoderOf(layout, this.#is64, this.#isLittle);
    const stride = count > 1 ? entrySize : Math.max(entrySize, size);
    if (stride < size) {
      throw new ElfFormatError(`entry size of ${stride} bytes`, offset);
    }
    const view = this.#view(this.#bytes(offset, stride * count));
    return Array.from({ length: count }, (_, i) => {
      const fields = {} as Fields<L>;
      decode(view, i * stride, fields);
      return fields;
    });
  }

  #view(bytes: Uint8Array): DataView {
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Reads a part that must be within the file. */
  #bytes(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (
      offset < 0 || length < 0 || length > LONGEST_TABLE ||
      offset + length > this.#source.size
    ) {
      throw new ElfFormatError(
        `${length} bytes are outside the file`,
        offset,
      );
    }
    const bytes = this.#source.read(offset, length);
    if (bytes.length < length) {
      throw new ElfFormatError("the file has become shorter", offset);
    }
    return bytes;
  }
}

interface Decoder<L extends Layout> {
  readonly size: number;
  decode(view: DataView, at: number, into: Fields<L>): void;
}

/** Creates the function that decodes a struct. */
function decoderOf<L extends Layout>(
  layout: L,
  is64: boolean,
  isLittle: boolean,
): Decoder<L> {
  let size = 0;
  const fields = layout.map(([name, width]) => {
    const bytes = width === WORD ? (is64 ? 8 : 4) : width;
    const field = { name: name as L[number][0], at: size, bytes };
    size += bytes;
    return field;
  });
  const decode = (view: DataView, start: number, into: Fields<L>) => {
    for (const { name, at, bytes } of fields) {
      into[name] = numberAt(view, start + at, bytes, isLittle);
    }
  };
  return { size, decode };
}

function numberAt(
  view: DataView,
  at: number,
  bytes: number,
  isLittle: boolean,
): number {
  switch (bytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, isLittle);
    case 4:
      return view.getUint32(at, isLittle);
  }
  const [first, second] = [
    view.getUint32(at, isLittle),
    view.getUint32(at + 4, isLittle),
  ];
  return isLittle
    ? addressOfHalves(second, first)
    : addressOfHalves(first, second);
}
