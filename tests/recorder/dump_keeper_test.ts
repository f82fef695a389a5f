import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import type { Mmap2 } from "../../src/perf_data/records.ts";
import { DumpKeeper } from "../../src/recorder/dump_keeper.ts";
import { itUnless } from "../support/it_unless.ts";
import { temporaryDirectory } from "../support/script.ts";

const SHM = "/dev/shm";

/** The record of a process that has mapped a file. */
function mappingOf(path: string, pid = 7): Mmap2 {
  const { ino } = Deno.statSync(path);
  const file = { major: 1, minor: 2, inode: BigInt(ino!) };
  return { pid, filename: path, pageOffset: 0n, file } as Mmap2;
}

function keeperIn(path: string) {
  const directory = join(path, "recording");
  const dumps = join(directory, "dumps", "start");
  Deno.mkdirSync(dumps, { recursive: true });
  return { directory, dumps, keeper: new DumpKeeper(directory, dumps) };
}

/** Creates a dump in a new directory; returns its path. */
function dumpIn(path: string, name: string, text: string): string {
  const dump = join(path, name, "jit-7.dump");
  Deno.mkdirSync(join(path, name));
  Deno.writeTextFileSync(dump, text);
  return dump;
}

describe("DumpKeeper", () => {
  it("keeps dumps with equal names, and their later records, when it links them", () => {
    using root = temporaryDirectory();
    const { directory, keeper } = keeperIn(root.path);
    for (const name of ["a", "b"]) {
      const dump = dumpIn(root.path, name, name);
      keeper.onMapping(mappingOf(dump));
      Deno.writeTextFileSync(dump, "+", { append: true });
      Deno.removeSync(dump);
    }
    keeper.finish();
    const { kept } = keeper;
    assertEquals(
      kept.map(({ file }) => Deno.readTextFileSync(join(directory, file))),
      ["a+", "b+"],
    );
    assertEquals(kept[0].path, join(root.path, "a", "jit-7.dump"));
  });

  it("returns the path of a dump when it is in the recording already", () => {
    using root = temporaryDirectory();
    const { dumps, keeper } = keeperIn(root.path);
    Deno.writeTextFileSync(join(dumps, "jit-7.dump"), "own");
    keeper.onMapping(mappingOf(join(dumps, "jit-7.dump")));
    keeper.finish();
    assertEquals(
      keeper.kept.map(({ file }) => file),
      ["dumps/start/jit-7.dump"],
    );
  });

  it("ignores a mapped file when it is not a dump or has been removed", () => {
    using root = temporaryDirectory();
    const { keeper } = keeperIn(root.path);
    const other = join(root.path, "libc.so.6");
    Deno.writeTextFileSync(other, "");
    keeper.onMapping(mappingOf(other));
    const dump = dumpIn(root.path, "a", "a");
    const mapping = mappingOf(dump);
    Deno.removeSync(dump);
    keeper.onMapping(mapping);
    keeper.finish();
    assertEquals(keeper.kept, []);
  });

  let otherDevice: string | undefined = `there is no ${SHM}`;
  try {
    using root = temporaryDirectory();
    if (Deno.statSync(SHM).dev !== Deno.statSync(root.path).dev) {
      otherDevice = undefined;
    }
  } catch {
    // The directory does not exist.
  }

  itUnless(
    otherDevice,
    "copies a dump at its process's exit and at the end when it is on another file system",
    () => {
      using root = temporaryDirectory();
      const elsewhere = Deno.makeTempDirSync({ dir: SHM });
      try {
        const { directory, keeper } = keeperIn(root.path);
        const text = (file: string) =>
          Deno.readTextFileSync(join(directory, file));
        const dump = dumpIn(elsewhere, "a", "start");
        keeper.onMapping(mappingOf(dump));
        Deno.writeTextFileSync(dump, ", end of process", { append: true });
        keeper.onExit(7);
        const copy = "dumps/start/kept/1/jit-7.dump";
        assertEquals(text(copy), "start, end of process");
        Deno.writeTextFileSync(dump, ", end", { append: true });
        keeper.finish();
        assertEquals(keeper.kept.map(({ file }) => file), [copy]);
        assertEquals(text(copy), "start, end of process, end");
      } finally {
        Deno.removeSync(elsewhere, { recursive: true });
      }
    },
  );
});
