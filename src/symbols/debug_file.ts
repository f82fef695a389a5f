/**
 * Search for the file with the symbols of a stripped file, by gdb's rules.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { ElfFile } from "./elf_file.ts";
import { InputFile } from "./input_file.ts";

/** Directory of the system's debug files. */
const DEBUG_DIRECTORY = "/usr/lib/debug";

const CHUNK = 1024 * 1024;

/** An open ELF file. */
export interface OpenElf {
  readonly file: InputFile;
  readonly elf: ElfFile;
}

/**
 * Opens the debug file of a stripped file. Searches by build-id, then by `.gnu_debuglink` in
 * the file's directory, in the `.debug` directory there, and under /usr/lib/debug.
 *
 * @param path Path of the stripped file, absolute.
 * @param root Root directory of the process's files; empty for this process's own.
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
      // Comparing build-ids is more reliable than a checksum, and reads less.
      return id !== undefined && other !== undefined
        ? other === id
        : checksum(file) === link.crc;
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Opens a file. Returns undefined if it is not the wanted one, or cannot be read. */
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
    // The caller tries the next candidate.
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
