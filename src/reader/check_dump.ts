/**
 * The check of a whole dump.
 *
 * @module
 */

import { CodeLoadRecord, RecordHeader, RecordId } from "../format/record.ts";
import { DumpBytes } from "./dump_bytes.ts";
import { type CorruptLoad, DumpChecker } from "./dump_checker.ts";
import type { Finding } from "./finding.ts";
import { CorruptRange, RecoveringReader } from "./recovering_reader.ts";

/** Maximum number of bytes to read of a record that cannot be parsed. */
const PART = 4096;

/**
 * Finds what perf 6.1, 6.12 or 7.2 drops or misreads in a dump. Memory grows with the
 * number of functions, not with their code.
 *
 * @param path The file's path; its name and its directory are checked too. Needs
 * `--allow-read`.
 * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
 * @throws Whatever opening the file throws.
 */
export function checkDump(path: string): AsyncGenerator<Finding, void> {
  return checkStart(path, Infinity);
}

/**
 * Checks the first `size` bytes of a dump as {@linkcode checkDump} does. Yields no findings
 * that need the end of the file if the file is larger.
 */
export async function* checkStart(
  path: string,
  size: number,
): AsyncGenerator<Finding, void> {
  using dump = RecoveringReader.open(path);
  using corrupt = new CorruptLoads(path, dump.header.littleEndian);
  const checker = new DumpChecker(dump.header, await realPath(path));
  yield* checker.checkHeader();
  for (const item of dump) {
    if (item.offset >= size) return;
    yield* item instanceof CorruptRange
      ? checker.checkCorruptRange(item, corrupt.at(item))
      : checker.check(item);
  }
  yield* checker.checkEnd(dump.tail);
}

/** Returns the absolute path, or `path` if resolving it is not allowed. */
async function realPath(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch {
    return path;
  }
}

/** Reader of JIT_CODE_LOAD records that cannot be parsed. */
class CorruptLoads implements Disposable {
  readonly #path: string;
  readonly #littleEndian: boolean;
  #bytes: DumpBytes | undefined;

  constructor(path: string, littleEndian: boolean) {
    this.#path = path;
    this.#littleEndian = littleEndian;
  }

  [Symbol.dispose](): void {
    this.#bytes?.[Symbol.dispose]();
  }

  /** Returns the first bytes of the record with a corrupt range, if it is a load. */
  at({ offset }: CorruptRange): CorruptLoad | undefined {
    // A pipe cannot be read twice.
    if (!this.#bytes && !Deno.statSync(this.#path).isFile) return undefined;
    const file = this.#bytes ??= new DumpBytes(this.#path);
    // The range starts at the wrong field.
    const { codeSize } = CodeLoadRecord.offsets;
    for (const field of [codeSize, CodeLoadRecord.size]) {
      const start = offset - field;
      if (start < 0) continue;
      const end = file.endWithin(start + PART);
      if (end - start < CodeLoadRecord.size) continue;
      const window = file.loadAside(start, end);
      const bytes = window.bytes.slice(
        start - window.offset,
        end - window.offset,
      );
      const view = new DataView(bytes.buffer);
      const { id, totalSize } = RecordHeader.offsets;
      const littleEndian = this.#littleEndian;
      if (view.getUint32(id, littleEndian) !== RecordId.JitCodeLoad) continue;
      const size = view.getUint32(totalSize, littleEndian);
      return { offset: start, totalSize: size, bytes };
    }
    return undefined;
  }
}
