/**
 * Search for the file that holds the symbols of a stripped file, as gdb does it.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { ElfFile } from "./elf_file.ts";
import { InputFile } from "./input_file.ts";

/** Directory of the system's debug files. */
const DEBUG_DIRECTORY = "/usr/lib/debug";

const CHUNK = 1024 * 1024;

/** An ELF file that is open. */
export interface OpenElf {
  readonly file: InputFile;
  readonly elf: ElfFile;
}

/**
 * Opens the debug file of a stripped file: by build-id, then by `.gnu_debuglink` beside the file, in
 * its `.debug`, and under /usr/lib/debug.
 *
 * @param path Path of the stripped file, absolute.
 * @param root Directory under which the system's debug files are; empty for this one's.
 */
export function openDebugFile(
  stripped: ElfFile,
  path: string,
  root = "",
): OpenElf | undefined {
  const id = stripped.buildId();
  if (id !== undefined && id.length > 2) {
    const found = openIf(
      `${root}${DEBUG_DIRECTORY}/.build-id/${id.slice(0, 2)}/${
        id.slice(2)
      }.debug`,
      ({ elf }) => elf.buildId() === id,
    );
    if (found !== undefined) return found;
  }
  const link = stripped.debugLink();
  if (link === undefined) return undefined;
  const directory = path.slice(0, path.lastIndexOf("/"));
  const inside = directory.slice(root.length);
  const paths = [
    `${directory}/${link.name}`,
    `${directory}/.debug/${link.name}`,
    `${root}${DEBUG_DIRECTORY}${inside}/${link.name}`,
  ];
  for (const candidate of paths) {
    if (candidate === path) continue;
    const found = openIf(candidate, ({ elf, file }) => {
      const other = elf.buildId();
      // Equal build-ids are worth more than a checksum, and need not read it all.
      return id !== undefined && other !== undefined
        ? other === id
        : checksum(file) === link.crc;
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Opens a file if it is the wanted one. Returns undefined if it cannot be read. */
function openIf(
  path: string,
  isWanted: (opened: OpenElf) => boolean,
): OpenElf | undefined {
  let file: InputFile | undefined;
  try {
    file = InputFile.open(path);
    if (file === undefined) return undefined;
    const opened = { file, elf: new ElfFile(file) };
    if (isWanted(opened)) return opened;
  } catch {
    // The next candidate may be better.
  }
  file?.[Symbol.dispose]();
  return undefined;
}

function checksum(file: InputFile): number {
  let sum = 0;
  for (let at = 0; at < file.size; at += CHUNK) {
    const chunk = file.read(at, CHUNK);
    if (chunk.length === 0) break;
    sum = crc32(chunk, sum);
  }
  return sum;
}
