/**
 * Build-ids of the programs and libraries of a recording, by which a report recognizes files
 * that have been replaced since.
 *
 * @module
 */

import type { FileBuildId } from "../perf_data/features.ts";
import { USER_BUILD_ID_MISC } from "../perf_data/new_records.ts";
import type { Mmap2 } from "../perf_data/records.ts";
import { ElfFile } from "../symbols/elf_file.ts";
import { InputFile } from "../symbols/input_file.ts";

/** Maximum number of files whose build-ids are recorded. */
const MOST_FILES = 10_000;

/** Process id of a build-id that applies to all processes. */
const ANY_PROCESS = -1;

/** The mapped files of a recording. */
export class MappedFiles {
  readonly #inodes = new Map<string, bigint>();

  /** Adds the file of a mapping. */
  add(record: Mmap2): void {
    const { filename, file } = record;
    const isFile = filename.startsWith("/") && !filename.startsWith("//") &&
      !filename.startsWith("/memfd:") && !filename.endsWith(".dump");
    if (!isFile || !file || this.#inodes.size >= MOST_FILES) return;
    this.#inodes.set(filename, file.inode);
  }

  /** Returns the build-ids of the files that are still the mapped ones. */
  buildIds(): FileBuildId[] {
    return this.#inodes.entries().toArray().flatMap(([filename, inode]) => {
      const buildId = buildIdOf(filename, inode);
      if (buildId === undefined) return [];
      return [{
        pid: ANY_PROCESS,
        buildId,
        filename,
        misc: USER_BUILD_ID_MISC,
      }];
    });
  }
}

function buildIdOf(path: string, inode: bigint): Uint8Array | undefined {
  try {
    using file = InputFile.open(path);
    if (file === undefined || BigInt(file.identity.inode) !== inode) {
      return undefined;
    }
    const id = new ElfFile(file).buildId();
    return id === undefined ? undefined : Uint8Array.fromHex(id);
  } catch {
    return undefined; // not an ELF file, or not readable
  }
}
