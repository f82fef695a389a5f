/**
 * Search for the FDE of an address.
 *
 * @module
 */

import type { Address } from "../symbols/address.ts";
import { CallFrameError } from "./call_frame_error.ts";
import { DwarfReader } from "./dwarf_reader.ts";
import type { EhFrameSection } from "./eh_frame_section.ts";
import {
  DW_EH_PE_datarel,
  DW_EH_PE_omit,
  DW_EH_PE_sdata4,
} from "./pointer_encoding.ts";

/** Size of a row of the table in bytes: two pointers of `DW_EH_PE_sdata4`. */
const ROW = 8;

/** The positions of FDEs in a section, by the addresses of their code. */
export interface FdeIndex {
  /** Returns the position of the last FDE that starts at or before an address. */
  find(address: Address): number | undefined;
}

/** The binary search table of an `.eh_frame_hdr`: the Linux Standard Base Core 5.0, 10.6.2. */
export class HdrIndex implements FdeIndex {
  readonly #view: DataView;
  readonly #address: Address;
  readonly #ehFrame: Address;
  /** Position of the table. */
  readonly #table: number;
  readonly #count: number;

  /**
   * Reads the header.
   *
   * @param address Address of the section.
   * @param ehFrame Address of `.eh_frame`.
   * @throws {CallFrameError} If it is malformed, or has no table that can be searched.
   */
  constructor(bytes: Uint8Array, address: Address, ehFrame: Address) {
    const reader = new DwarfReader(bytes, address, address);
    const version = reader.u8();
    if (version !== 1) {
      throw new CallFrameError(`.eh_frame_hdr has version ${version}`, 0);
    }
    const framePointer = reader.u8();
    const countEncoding = reader.u8();
    const tableEncoding = reader.u8();
    if (framePointer !== DW_EH_PE_omit) reader.skipPointer(framePointer);
    if (
      countEncoding === DW_EH_PE_omit ||
      tableEncoding !== (DW_EH_PE_datarel | DW_EH_PE_sdata4)
    ) throw new CallFrameError(".eh_frame_hdr has no table to search", 2);
    const count = reader.pointer(countEncoding);
    const table = reader.at;
    if (!(count > 0 && count <= (bytes.length - table) / ROW)) {
      throw new CallFrameError(`.eh_frame_hdr has a table of ${count} rows`, 4);
    }
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#address = address;
    this.#ehFrame = ehFrame;
    this.#table = table;
    this.#count = count;
  }

  find(address: Address): number | undefined {
    const relative = address - this.#address;
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#i32(middle * ROW) <= relative) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const fde = this.#i32((low - 1) * ROW + 4);
    return this.#address + fde - this.#ehFrame;
  }

  #i32(at: number): number {
    return this.#view.getInt32(this.#table + at, true);
  }
}

/** Index of the FDEs that a scan of the section finds. */
export class ScannedIndex implements FdeIndex {
  readonly #starts: Float64Array;
  readonly #positions: Float64Array;

  /** Scans a section, up to its first malformed entry. */
  constructor(section: EhFrameSection) {
    const found: { start: Address; at: number }[] = [];
    try {
      for (const entry of section.entries()) {
        if ("cie" in entry && entry.size > 0) {
          found.push({ start: entry.start, at: entry.at });
        }
      }
    } catch (error) {
      if (!(error instanceof CallFrameError)) throw error;
    }
    found.sort((a, b) => a.start - b.start);
    this.#starts = Float64Array.from(found, ({ start }) => start);
    this.#positions = Float64Array.from(found, ({ at }) => at);
  }

  find(address: Address): number | undefined {
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle] <= address) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.#positions[low - 1];
  }
}
