/**
 * Search for the FDEs of an `.eh_frame` section that a caller has passed.
 *
 * @module
 */

import { ehFrameOffset } from "../format/image_layout.ts";
import { CallFrameError } from "./call_frame_error.ts";
import type { Fde } from "./eh_frame_hdr.ts";
import { type Cie, EhFrameSection } from "./eh_frame_section.ts";
import { DW_EH_PE_pcrel, POINTER_FORMAT } from "./pointer_encoding.ts";

/**
 * Finds the FDEs of a function's `.eh_frame`.
 *
 * @param what Start of the error message.
 * @param argument Name of the section in errors.
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
  try {
    return fdesOf(codeSize, ehFrame);
  } catch (error) {
    if (!(error instanceof CallFrameError)) throw error;
    throw new RangeError(
      `${what}: "${argument}" is not a usable .eh_frame: ${error.message}`,
    );
  }
}

function fdesOf(codeSize: number, ehFrame: Uint8Array): Fde[] {
  if (ehFrame.length % 4 !== 0) {
    throw new CallFrameError("its size is not a multiple of 4", 0);
  }
  const fdes: Fde[] = [];
  const section = new EhFrameSection(ehFrame, ehFrameOffset(codeSize));
  for (const entry of section.entries()) {
    if (!("cie" in entry)) {
      checkEncoding(entry);
      continue;
    }
    const { at, start, size } = entry;
    if (start < 0 || size < 0 || start + size > codeSize) {
      throw new CallFrameError(
        `an FDE describes ${size} bytes from offset ${start}, but the code has ` +
          `${codeSize}; .eh_frame starts at the next multiple of 8 after the code`,
        at,
      );
    }
    fdes.push({ at, start });
  }
  if (fdes.length === 0) throw new CallFrameError("it has no FDE", 0);
  return fdes;
}

/** Checks that the section does not depend on the code's address. */
function checkEncoding({ at, pointerEncoding }: Cie): void {
  if ((pointerEncoding & ~POINTER_FORMAT) === DW_EH_PE_pcrel) return;
  throw new CallFrameError(
    `a CIE has addresses of encoding 0x${pointerEncoding.toString(16)}, ` +
      "but only pc-relative ones (0x10 to 0x1c) do not depend on the code's address",
    at,
  );
}
