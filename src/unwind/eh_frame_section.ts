/**
 * The entries of an `.eh_frame` section: CIEs and FDEs.
 *
 * The format is that of the Linux Standard Base Core 5.0, 10.6.1.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import { CallFrameError } from "./call_frame_error.ts";
import { DwarfReader } from "./dwarf_reader.ts";
import { DW_EH_PE_absptr, DW_EH_PE_omit } from "./pointer_encoding.ts";

/** A part of the section. */
export interface SectionPart {
  /** Position of its first byte. */
  readonly start: number;
  /** Position after its last byte. */
  readonly end: number;
}

/** A common information entry: properties that functions share. */
export interface Cie {
  /** Position of the entry. */
  readonly at: number;
  readonly codeAlignment: number;
  readonly dataAlignment: number;
  /** DWARF's number of the return address column. */
  readonly returnAddress: number;
  /** Encoding of the addresses in its FDEs. */
  readonly pointerEncoding: number;
  /** True if its FDEs have augmentation data. */
  readonly hasAugmentationData: boolean;
  /** True if the kernel creates the frames to run a signal handler. */
  readonly isSignalFrame: boolean;
  readonly instructions: SectionPart;
}

/** A frame description entry: the instructions for unwinding a function's frame. */
export interface FrameDescription {
  /** Position of the entry. */
  readonly at: number;
  readonly cie: Cie;
  /** Address of the first instruction. */
  readonly start: Address;
  /** Size of the code in bytes. */
  readonly size: number;
  readonly instructions: SectionPart;
}

/** Position and kind of an entry. */
interface EntryHeader {
  readonly at: number;
  /** Position after the CIE pointer. */
  readonly body: number;
  readonly end: number;
  /** Position of the CIE; `undefined` if this is one. */
  readonly cie: number | undefined;
}

/** An `.eh_frame` section. */
export class EhFrameSection {
  readonly #reader: DwarfReader;
  readonly #cies = new Map<number, Cie>();

  /**
   * Creates a view of a section. Nothing is read yet.
   *
   * @param address Address of the section, on which relative pointers are based.
   * @param dataBase Address of `.eh_frame_hdr`, on which pointers of `DW_EH_PE_datarel` are
   * based.
   */
  constructor(bytes: Uint8Array, address: Address, dataBase: Address = 0) {
    this.#reader = new DwarfReader(bytes, address, dataBase);
  }

  /** Returns a reader of a part of the section, always the same object. */
  read({ start, end }: SectionPart): DwarfReader {
    this.#reader.seek(start, end);
    return this.#reader;
  }

  /**
   * Iterates over the entries, up to the terminator.
   *
   * @throws {CallFrameError} If an entry is malformed.
   */
  *entries(): Generator<Cie | FrameDescription, void> {
    const { size } = this.#reader;
    const cies = new Set<number>();
    for (let start = 0; start < size;) {
      const header = this.#headerAt(start);
      if (header === undefined) break;
      const { at, cie, end } = header;
      if (cie === undefined) {
        cies.add(start);
        yield this.#cieAt(start);
      } else {
        if (!cies.has(cie)) throw noCie(at);
        yield this.#description(header, cie);
      }
      start = end;
    }
  }

  /**
   * Reads the FDE at a position.
   *
   * @throws {CallFrameError} If there is none, or it is malformed.
   */
  descriptionAt(at: number): FrameDescription {
    const header = this.#headerAt(at);
    if (header?.cie === undefined) {
      throw new CallFrameError("there is no FDE", at);
    }
    return this.#description(header, header.cie);
  }

  /** Reads the start of an entry; `undefined` for a terminator. */
  #headerAt(at: number): EntryHeader | undefined {
    const reader = this.#reader;
    reader.seek(at);
    let size = reader.u32();
    // Unwinders ignore entries after a terminator.
    if (size === 0 && reader.at === reader.size) return undefined;
    if (size === 0xffff_ffff) size = reader.i64();
    if (!(size >= 4 && size <= reader.size - reader.at)) {
      throw new CallFrameError(`an entry has a length of ${size}`, at);
    }
    const field = reader.at;
    const id = reader.u32();
    return {
      at,
      body: reader.at,
      end: field + size,
      cie: id === 0 ? undefined : field - id,
    };
  }

  #cieAt(at: number): Cie {
    let cie = this.#cies.get(at);
    if (cie === undefined) {
      const header = this.#headerAt(at);
      if (!header || header.cie !== undefined) throw noCie(at);
      cie = this.#readCie(header);
      this.#cies.set(at, cie);
    }
    return cie;
  }

  #readCie({ at, body, end }: EntryHeader): Cie {
    const reader = this.#reader;
    reader.seek(body, end);
    const version = reader.u8();
    let augmentation = "";
    for (let c = reader.u8(); c !== 0; c = reader.u8()) {
      augmentation += String.fromCharCode(c);
    }
    // An address of GCC 2's exception table.
    if (augmentation === "eh") reader.skip(8);
    // Sizes of an address and of a segment selector.
    if (version >= 4) reader.skip(2);
    const codeAlignment = reader.uleb();
    const dataAlignment = reader.sleb();
    const returnAddress = version === 1 ? reader.u8() : reader.uleb();
    const hasAugmentationData = augmentation.startsWith("z");
    const dataSize = hasAugmentationData ? reader.uleb() : 0;
    const data = reader.at;
    let pointerEncoding = DW_EH_PE_absptr;
    let isSignalFrame = false;
    for (const character of hasAugmentationData ? augmentation.slice(1) : "") {
      if (character === "R") pointerEncoding = reader.u8();
      else if (character === "L") reader.skip(1);
      else if (character === "P") this.#skipPersonality(reader);
      else if (character === "S") isSignalFrame = true;
      else if (character !== "B" && character !== "G") {
        throw new CallFrameError(
          `a CIE has an unknown augmentation "${character}"`,
          at,
        );
      }
    }
    if (hasAugmentationData) {
      reader.at = data;
      reader.skip(dataSize);
    }
    return {
      at,
      codeAlignment,
      dataAlignment,
      returnAddress,
      pointerEncoding,
      hasAugmentationData,
      isSignalFrame,
      instructions: { start: reader.at, end },
    };
  }

  #skipPersonality(reader: DwarfReader): void {
    const encoding = reader.u8();
    if (encoding !== DW_EH_PE_omit) reader.skipPointer(encoding);
  }

  #description(
    { at, body, end }: EntryHeader,
    cieAt: number,
  ): FrameDescription {
    if (cieAt < 0) throw noCie(at);
    const cie = this.#cieAt(cieAt);
    const reader = this.#reader;
    reader.seek(body, end);
    const start = reader.pointer(cie.pointerEncoding);
    const size = reader.pointerSized(cie.pointerEncoding);
    if (cie.hasAugmentationData) reader.skip(reader.uleb());
    return { at, cie, start, size, instructions: { start: reader.at, end } };
  }
}

function noCie(at: number): CallFrameError {
  return new CallFrameError("an FDE refers to no CIE before it", at);
}
