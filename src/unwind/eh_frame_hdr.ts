/**
 * The `.eh_frame_hdr` section: the table by which an unwinder finds the FDE of
 * an address. Layout and encodings are those of the Linux Standard Base ("Exception
 * Frames", and "DWARF Extensions" for the pointer encodings).
 *
 * @module
 */

import { DwarfWriter } from "./dwarf_writer.ts";
import { ehFrameOffset } from "../format/image_layout.ts";

// DW_EH_PE_*: the format in the low four bits, what it is relative to above.
const DW_EH_PE_udata4 = 0x03;
const DW_EH_PE_sdata4 = 0x0b;
const DW_EH_PE_pcrel = 0x10;
const DW_EH_PE_datarel = 0x30;

/** The bytes of a pointer by its format; the formats with a fixed size. */
const POINTER_SIZES: Record<number, number> = {
  0x00: 8, // DW_EH_PE_absptr
  0x02: 2, // DW_EH_PE_udata2
  0x03: 4, // DW_EH_PE_udata4
  0x04: 8, // DW_EH_PE_udata8
  0x0a: 2, // DW_EH_PE_sdata2
  0x0b: 4, // DW_EH_PE_sdata4
  0x0c: 8, // DW_EH_PE_sdata8
};

/** An FDE: which code it is for, by offsets from the start of the code. */
interface Fde {
  /** Offset of the FDE in the section. */
  at: number;
  /** Offset of the first instruction. */
  start: number;
}

/**
 * Makes the `.eh_frame_hdr` of a function's `.eh_frame`.
 *
 * @param what What an error begins with.
 * @param argument How errors name the section.
 * @param codeSize The function's size in bytes.
 * @param ehFrame The section, whose distances are those of perf's image; see
 * image_layout.ts.
 * @throws {RangeError} If it is no such section, or is about other code.
 */
export function makeEhFrameHdr(
  what: string,
  argument: string,
  codeSize: number,
  ehFrame: Uint8Array,
): Uint8Array {
  const fdes = new EhFrameReader(what, argument, codeSize, ehFrame).read();
  fdes.sort((a, b) => a.start - b.start);
  const frameOffset = ehFrameOffset(codeSize);
  const hdrOffset = frameOffset + ehFrame.length;
  const out = new DwarfWriter();
  out.u8(1); // version
  out.u8(DW_EH_PE_pcrel | DW_EH_PE_sdata4); // eh_frame_ptr_enc
  out.u8(DW_EH_PE_udata4); // fde_count_enc
  out.u8(DW_EH_PE_datarel | DW_EH_PE_sdata4); // table_enc
  out.u32(frameOffset - (hdrOffset + out.length)); // eh_frame_ptr
  out.u32(fdes.length); // fde_count
  for (const { at, start } of fdes) {
    out.u32(start - hdrOffset);
    out.u32(frameOffset + at - hdrOffset);
  }
  return out.finish();
}

/** Finds the FDEs of a section. */
class EhFrameReader {
  readonly #what: string;
  readonly #argument: string;
  readonly #codeSize: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #end = 0;

  constructor(
    what: string,
    argument: string,
    codeSize: number,
    bytes: Uint8Array,
  ) {
    this.#what = what;
    this.#argument = argument;
    this.#codeSize = codeSize;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  read(): Fde[] {
    const fdes: Fde[] = [];
    /** The encoding of the addresses in the FDEs of each CIE. */
    const encodings = new Map<number, number>();
    const { length } = this.#bytes;
    if (length % 4 !== 0) this.#fail("its size is no multiple of 4", 0);
    for (let start = 0; start < length; start = this.#end) {
      this.#at = start;
      this.#end = length;
      const size = this.#u32();
      // An end that is not at the end would hide what follows from unwinders.
      if (size === 0 && start + 4 === length) break;
      if (size < 4 || size > length - this.#at) {
        this.#fail(`its entry has a length of ${size}`, start);
      }
      this.#end = this.#at + size;
      const field = this.#at;
      const id = this.#u32();
      if (id === 0) {
        encodings.set(start, this.#readCie(start));
        continue;
      }
      const encoding = encodings.get(field - id) ??
        this.#fail("its FDE refers to no CIE before it", start);
      fdes.push({ at: start, start: this.#readFde(start, encoding) });
    }
    if (fdes.length === 0) this.#fail("it has no FDE", 0);
    return fdes;
  }

  /** Reads a CIE behind its id; returns the encoding of its FDEs' addresses. */
  #readCie(start: number): number {
    this.#skip(1); // version
    let augmentation = "";
    for (let c = this.#u8(); c !== 0; c = this.#u8()) {
      augmentation += String.fromCharCode(c);
    }
    this.#leb(); // code_alignment_factor
    this.#leb(); // data_alignment_factor
    this.#leb(); // return_address_register
    let encoding = 0;
    if (!augmentation.startsWith("z")) augmentation = "";
    else this.#leb(); // the augmentation's length
    for (const character of augmentation.slice(1)) {
      if (character === "R") encoding = this.#u8();
      else if (character === "L") this.#skip(1);
      else if (character === "P") this.#skip(this.#pointerSize(this.#u8()));
      else if (!"SBG".includes(character)) {
        this.#fail(`its CIE has an unknown augmentation "${character}"`, start);
      }
    }
    if ((encoding & 0xf0) !== DW_EH_PE_pcrel) {
      this.#fail(
        `its CIE has addresses of encoding 0x${encoding.toString(16)}, ` +
          "and only pc-relative ones (0x10 to 0x1c) are right wherever the code is",
        start,
      );
    }
    return encoding;
  }

  /** Reads an FDE behind its CIE pointer; returns where its code starts. */
  #readFde(at: number, encoding: number): number {
    const size = this.#pointerSize(encoding);
    const base = ehFrameOffset(this.#codeSize) + this.#at;
    const start = base + this.#pointer(size, true);
    const length = this.#pointer(size, false);
    if (start < 0 || start + length > this.#codeSize) {
      this.#fail(
        `its FDE is for ${length} bytes from ${start} on, and the code has ` +
          `${this.#codeSize}, at the next multiple of 8 behind which .eh_frame is to be`,
        at,
      );
    }
    return start;
  }

  #pointerSize(encoding: number): number {
    return POINTER_SIZES[encoding & 0x0f] ??
      this.#fail(`its pointers are of encoding 0x${encoding.toString(16)}`, 0);
  }

  #pointer(size: number, isSigned: boolean): number {
    const at = this.#skip(size);
    const bits = 8 * size;
    const value = size === 8 ? this.#view.getBigUint64(at, true) : BigInt(
      size === 4
        ? this.#view.getUint32(at, true)
        : this.#view.getUint16(at, true),
    );
    return Number(isSigned ? BigInt.asIntN(bits, value) : value);
  }

  #u8(): number {
    return this.#bytes[this.#skip(1)];
  }

  #u32(): number {
    return this.#view.getUint32(this.#skip(4), true);
  }

  /** Passes over a LEB128. */
  #leb(): void {
    while (this.#u8() >= 0x80);
  }

  /** Passes over some bytes; returns where they were. */
  #skip(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) this.#fail("it breaks off", at);
    this.#at += size;
    return at;
  }

  #fail(reason: string, at: number): never {
    throw new RangeError(
      `${this.#what}: "${this.#argument}" is no .eh_frame that can be used: ` +
        `${reason} (at byte ${at})`,
    );
  }
}
