/**
 * The sections of an ELF file that contain its unwind info.
 *
 * @module
 */

import type { Address } from "./address.ts";
import type { ElfFile } from "./elf_file.ts";

const SHT_NOBITS = 8;

/** A section that is loaded into memory. */
export interface LoadedSection {
  readonly bytes: Uint8Array;
  /** Its address, according to the file. */
  readonly address: Address;
}

/** Sections of unwind info. */
export interface FileUnwindSections {
  readonly ehFrame: LoadedSection;
  readonly ehFrameHdr?: LoadedSection;
}

/**
 * Reads `.eh_frame` and `.eh_frame_hdr`.
 *
 * @returns `undefined` if the file has none.
 * @throws {ElfFormatError} If they are not within the file.
 */
export function unwindSectionsOf(elf: ElfFile): FileUnwindSections | undefined {
  const ehFrame = loaded(elf, ".eh_frame");
  if (ehFrame === undefined) return undefined;
  return { ehFrame, ehFrameHdr: loaded(elf, ".eh_frame_hdr") };
}

function loaded(elf: ElfFile, name: string): LoadedSection | undefined {
  const section = elf.sectionNamed(name);
  // In a debug file, the section has no contents.
  if (section === undefined || section.type === SHT_NOBITS) return undefined;
  return { bytes: elf.contents(section), address: section.addr };
}
