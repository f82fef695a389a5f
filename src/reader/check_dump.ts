/**
 * Checking a dump from its beginning to its end.
 *
 * @module
 */

import { DumpChecker, type Finding } from "./dump_checker.ts";
import { CorruptRange, RecoveringReader } from "./recovering_reader.ts";

/**
 * Finds what is wrong with a dump: what perf, or another reader, would silently drop,
 * misread or merge. Memory grows with the number of functions, not with their code.
 *
 * @param path The file's path; its name is looked at too. `--allow-read` is needed.
 * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
 * @throws Whatever opening the file throws.
 */
export async function* checkDump(path: string): AsyncGenerator<Finding, void> {
  using dump = RecoveringReader.open(path);
  const checker = new DumpChecker(dump.header);
  yield* checker.checkHeader(path);
  for (const item of dump) {
    if (item instanceof CorruptRange) yield* checker.checkCorruptRange(item);
    else yield* checker.check(item);
  }
  yield* checker.checkEnd(dump.tail);
}
