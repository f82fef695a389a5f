/**
 * Decoding of numbers in DWARF.
 *
 * @module
 */

import { type Address, addressOfHalves } from "../symbols/address.ts";
import { CallFrameError } from "./call_frame_error.ts";
import {
  DW_EH_PE_absptr,
  DW_EH_PE_datarel,
  DW_EH_PE_pcrel,
  DW_EH_PE_sdata2,
  DW_EH_PE_sdata4,
  DW_EH_PE_sdata8,
  DW_EH_PE_sleb128,
  DW_EH_PE_udata2,
  DW_EH_PE_udata4,
  DW_EH_PE_udata8,
  DW_EH_PE_uleb128,
  POINTER_BASE,
  POINTER_FORMAT,
} from "./pointer_encoding.ts";

/** Maximum size of a LEB128 of 64 bits in bytes. */
const LONGEST_LEB = 10;

/** Reader of the bytes of a section. It is little-endian, as x86-64 and AArch64 are. */
export class DwarfReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Address of the first byte. */
  readonly #address: Address;
  /** Base of pointers that are relative to data. */
  readonly #dataBase: Address;
  /** Position of the next byte. */
  at = 0;
  /** Position after the last byte that may be read. */
  end: number;

  /**
   * Creates a reader of a section.
   *
   * @param address Address of the section.
   * @param dataBase Base of pointers of `DW_EH_PE_datarel`: the address of `.eh_frame_hdr`.
   */
  constructor(bytes: Uint8Array, address: Address, dataBase: Address) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#address = address;
    this.#dataBase = dataBase;
    this.end = bytes.length;
  }

  /** Size of the section. */
  get size(): number {
    return this.#bytes.length;
  }

  /** Moves to a part of the section. */
  seek(start: number, end = this.size): void {
    if (!(start >= 0 && end <= this.size && start <= end)) {
      throw new CallFrameError("it is truncated", start);
    }
    this.at = start;
    this.end = end;
  }

  /** Skips bytes; returns their position. */
  skip(size: number): number {
    const { at } = this;
    if (!(size >= 0 && size <= this.end - at)) {
      throw new CallFrameError("it is truncated", at);
    }
    this.at = at + size;
    return at;
  }

  u8(): number {
    return this.#bytes[this.skip(1)];
  }

  i8(): number {
    return this.#view.getInt8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.skip(4), true);
  }

  /** Reads 64 bits as a signed number; see `src/symbols/address.ts` for its precision. */
  i64(): number {
    const at = this.skip(8);
    const low = this.#view.getUint32(at, true);
    return addressOfHalves(this.#view.getUint32(at + 4, true), low);
  }

  /** Reads an unsigned LEB128. */
  uleb(): number {
    const start = this.at;
    const end = this.#lebEnd();
    let value = 0;
    for (let i = end - 1; i >= start; i--) {
      value = value * 0x80 + (this.#bytes[i] & 0x7f);
    }
    return value;
  }

  /** Reads a signed LEB128. */
  sleb(): number {
    const start = this.at;
    const end = this.#lebEnd();
    // Small negative numbers are exact, even if they have many bytes.
    const flip = (this.#bytes[end - 1] & 0x40) === 0 ? 0 : 0x7f;
    let value = 0;
    for (let i = end - 1; i >= start; i--) {
      value = value * 0x80 + ((this.#bytes[i] & 0x7f) ^ flip);
    }
    return flip === 0 ? value : -1 - value;
  }

  /**
   * Reads a pointer.
   *
   * @throws {CallFrameError} If its encoding is unknown.
   */
  pointer(encoding: number): Address {
    const { at } = this;
    const value = this.#pointerValue(encoding, true);
    switch (encoding & ~POINTER_FORMAT) {
      case DW_EH_PE_absptr:
        return value;
      case DW_EH_PE_pcrel:
        return this.#address + at + value;
      case DW_EH_PE_datarel:
        return this.#dataBase + value;
    }
    throw unknownEncoding(encoding, at);
  }

  /** Reads a number in the format of a pointer. */
  pointerSized(encoding: number): number {
    return this.#pointerValue(encoding, false);
  }

  /** Skips a pointer with any base. */
  skipPointer(encoding: number): void {
    // The size of an aligned pointer depends on its position.
    if ((encoding & POINTER_BASE) > 0x40) {
      throw unknownEncoding(encoding, this.at);
    }
    this.#pointerValue(encoding, false);
  }

  #pointerValue(encoding: number, isSigned: boolean): number {
    switch (encoding & POINTER_FORMAT) {
      case DW_EH_PE_absptr:
      case DW_EH_PE_udata8:
      case DW_EH_PE_sdata8:
        return this.i64();
      case DW_EH_PE_uleb128:
        return this.uleb();
      case DW_EH_PE_sleb128:
        return this.sleb();
      case DW_EH_PE_udata2:
        return this.u16();
      case DW_EH_PE_udata4:
        return this.u32();
      case DW_EH_PE_sdata2:
        return isSigned ? this.i16() : this.u16();
      case DW_EH_PE_sdata4:
        return isSigned ? this.i32() : this.u32();
    }
    throw unknownEncoding(encoding, this.at);
  }

  /** Skips a LEB128; returns the position after it. */
  #lebEnd(): number {
    const start = this.at;
    while (this.u8() >= 0x80);
    if (this.at - start > LONGEST_LEB) {
      throw new CallFrameError("a number has more than 64 bits", start);
    }
    return this.at;
  }
}

function unknownEncoding(encoding: number, at: number): CallFrameError {
  const digits = encoding.toString(16);
  return new CallFrameError(`it has pointers of encoding 0x${digits}`, at);
}
