/**
 * The FDEs of an `.eh_frame` section that a caller has passed.
 *
 * @module
 */

import { ehFrameOffset } from "../format/image_layout.ts";
import type { Fde } from "./eh_frame_hdr.ts";
import { DW_EH_PE_pcrel, POINTER_SIZES } from "./pointer_encoding.ts";

/**
 * Finds the FDEs of a function's `.eh_frame`.
 *
 * @param what Start of the error message.
 * @param argument What errors call the section.
 * @param codeSize Size of the function's code in bytes.
 * @param ehFrame The section, whose distances are those of perf's image; see
 * image_layout.ts.
 * @throws {RangeError} If it is malformed, or describes other code.
 */
export function findFdes(
  what: string,
  argument: string,
  codeSize: number,
  ehFrame: Uint8Array,
): Fde[] {
  return new EhFrameScanner(what, argument, codeSize, ehFrame).scan();
}

class EhFrameScanner {
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

  scan(): Fde[] {
    const fdes: Fde[] = [];
    /** The encoding of the addresses in the FDEs of each CIE, by its offset. */
    const encodings = new Map<number, number>();
    const { length } = this.#bytes;
    if (length % 4 !== 0) this.#fail("its size is not a multiple of 4", 0);
    for (let start = 0; start < length; start = this.#end) {
      this.#at = start;
      this.#end = length;
      const size = this.#u32();
      // Unwinders ignore entries after a terminator.
      if (size === 0 && start + 4 === length) break;
      if (size < 4 || size > length - this.#at) {
        this.#fail(`an entry has a length of ${size}`, start);
      }
      this.#end = this.#at + size;
      const field = this.#at;
      const id = this.#u32();
      if (id === 0) {
        encodings.set(start, this.#readCie(start));
        continue;
      }
      const encoding = encodings.get(field - id) ??
        this.#fail("an FDE refers to no CIE before it", start);
      fdes.push({ at: start, start: this.#readFde(start, encoding) });
    }
    if (fdes.length === 0) this.#fail("it has no FDE", 0);
    return fdes;
  }

  /** Reads a CIE after its id; returns the encoding of its FDEs' addresses. */
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
        this.#fail(`a CIE has an unknown augmentation "${character}"`, start);
      }
    }
    if ((encoding & 0xf0) !== DW_EH_PE_pcrel) {
      this.#fail(
        `a CIE has addresses of encoding 0x${encoding.toString(16)}, ` +
          "and only pc-relative ones (0x10 to 0x1c) do not depend on the code's address",
        start,
      );
    }
    return encoding;
  }

  /** Reads an FDE after its CIE pointer; returns the start of its code. */
  #readFde(at: number, encoding: number): number {
    const size = this.#pointerSize(encoding);
    const base = ehFrameOffset(this.#codeSize) + this.#at;
    const start = base + this.#pointer(size, true);
    const length = this.#pointer(size, false);
    if (start < 0 || start + length > this.#codeSize) {
      this.#fail(
        `an FDE describes ${length} bytes from offset ${start}, and the code has ` +
          `${this.#codeSize}; .eh_frame starts at the next multiple of 8 after the code`,
        at,
      );
    }
    return start;
  }

  #pointerSize(encoding: number): number {
    return POINTER_SIZES[encoding & 0x0f] ??
      this.#fail(`it has pointers of encoding 0x${encoding.toString(16)}`, 0);
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

  /** Skips a LEB128. */
  #leb(): void {
    while (this.#u8() >= 0x80);
  }

  /** Skips bytes; returns their position. */
  #skip(size: number): number {
    const at = this.#at;
    if (at + size > this.#end) this.#fail("it is truncated", at);
    this.#at += size;
    return at;
  }

  #fail(reason: string, at: number): never {
    throw new RangeError(
      `${this.#what}: "${this.#argument}" is not a usable .eh_frame: ` +
        `${reason} (at byte ${at})`,
    );
  }
}
