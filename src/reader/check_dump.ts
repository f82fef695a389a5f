/**
 * Checking a dump from its beginning to its end.
 *
 * @module
 */

import { DumpChecker, type Finding } from "./dump_checker.ts";
import { JitDumpFormatError } from "./format_error.ts";
import { RecordFeed } from "./record_feed.ts";

/**
 * Finds what is wrong with a dump: what perf, or another reader, would silently drop,
 * misread or merge. Memory grows with the number of functions, not with their code.
 *
 * @param path The file's path; its name is looked at too. `--allow-read` is needed.
 * @throws {JitDumpFormatError} If it does not begin with the header of a dump.
 * @throws Whatever opening the file throws.
 */
export async function* checkDump(path: string): AsyncGenerator<Finding, void> {
  const feed = await RecordFeed.open(path);
  try {
    const checker = new DumpChecker(feed.header);
    yield* checker.checkHeader(path);
    for (;;) {
      const start = feed.position;
      try {
        const record = feed.nextAtHand() ?? await feed.next();
        if (!record) break;
        yield* checker.check(record);
      } catch (error) {
        if (!(error instanceof JitDumpFormatError)) throw error;
        yield* checker.checkMalformed(error);
        // Behind a record of a wrong size nothing can be found.
        if (feed.position === start) return;
      }
    }
    yield* checker.checkEnd(feed.tail);
  } finally {
    await feed.close();
  }
}
