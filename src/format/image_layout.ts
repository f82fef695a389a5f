/**
 * Layout of a function's ELF image in memory, as perf (6.1 to 7.2) maps it.
 *
 *     image      code's address in the process
 *     0x80 ──▶ ┌─────────────────┐ + 0
 *              │ .text           │
 *              ├╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌┤ + code size
 *              │ (to 8 bytes)    │
 *              ├─────────────────┤ + ehFrameOffset(code size)
 *              │ .eh_frame       │
 *              ├─────────────────┤
 *              │ .eh_frame_hdr   │
 *              └─────────────────┘ + ehFrameOffset(code size) + mapped size
 *
 * The unwind info refers to the code by distances, so this layout determines its bytes.
 * That the image starts 0x80 bytes before the code has no effect on distances.
 *
 * @module
 */

/** Returns the offset of the `.eh_frame` section from the start of the code. */
export function ehFrameOffset(codeSize: number): number {
  return Math.ceil(codeSize / 8) * 8;
}
