/**
 * The `.eh_frame_hdr` section: the table in which an unwinder finds the FDE of an address.
 * The layout is that of the Linux Standard Base Core 5.0, 10.6.2.
 *
 * @module
 */

import { ehFrameOffset } from "../format/image_layout.ts";
import { DwarfWriter } from "./dwarf_writer.ts";
import {
  DW_EH_PE_datarel,
  DW_EH_PE_pcrel,
  DW_EH_PE_sdata4,
  DW_EH_PE_udata4,
} from "./pointer_encoding.ts";

/** An FDE, by its offset in the section and the offset of its code. */
export interface Fde {
  /** Offset of the FDE in the `.eh_frame` section. */
  readonly at: number;
  /** Offset of the first instruction from the start of the code. */
  readonly start: number;
}

/**
 * Encodes the `.eh_frame_hdr` of a function's `.eh_frame`, for perf's image; see
 * image_layout.ts.
 *
 * @param codeSize Size of the function's code in bytes.
 */
export function encodeEhFrameHdr(
  codeSize: number,
  ehFrame: Uint8Array,
  fdes: readonly Fde[],
): Uint8Array {
  const frameOffset = ehFrameOffset(codeSize);
  const hdrOffset = frameOffset + ehFrame.length;
  const out = new DwarfWriter();
  out.u8(1); // version
  out.u8(DW_EH_PE_pcrel | DW_EH_PE_sdata4); // eh_frame_ptr_enc
  out.u8(DW_EH_PE_udata4); // fde_count_enc
  out.u8(DW_EH_PE_datarel | DW_EH_PE_sdata4); // table_enc
  out.u32(frameOffset - (hdrOffset + out.length)); // eh_frame_ptr
  out.u32(fdes.length); // fde_count
  for (const { at, start } of fdes.toSorted((a, b) => a.start - b.start)) {
    out.u32(start - hdrOffset);
    out.u32(frameOffset + at - hdrOffset);
  }
  return out.finish();
}
