/**
 * Layout of a function's ELF image in memory, as perf (6.1 to 7.2) maps it.
 *
 *     image      code's address in the process
 *     0x80 ──▶ ┌─────────────────┐ + 0
 *              │ .text           │
 *              ├╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┤ + code size
 *              │ (padding to 8)  │
 *              ├─────────────────┤ + ehFrameOffset(code size)
 *              │ .eh_frame       │
 *              ├─────────────────┤
 *              │ .eh_frame_hdr   │
 *              └─────────────────┘ + ehFrameOffset(code size) + mapped size
 *
 * The unwind info contains distances to the code, so this layout determines its bytes. The
 * 0x80 bytes of the image before the code have no effect on the distances.
 *
 * @module
 */

/** Returns the offset of the `.eh_frame` section from the start of the code. */
export function ehFrameOffset(codeSize: number): number {
  return Math.ceil(codeSize / 8) * 8;
}
