/**
 * How perf lays a function's ELF image out in memory.
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
 * The tables refer to the code and to each other by distances, so the layout is
 * what makes them right; that the image starts 0x80 bytes before the code does
 * not matter.
 *
 * @module
 */

/** How far behind the start of the code the `.eh_frame` section is. */
export function ehFrameOffset(codeSize: number): number {
  return Math.ceil(codeSize / 8) * 8;
}
