import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { readDump } from "../../src/profile/read_dump.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { temporaryDirectory } from "../support/script.ts";

const time = 10n ** 13n;

const load = (dump: DumpBuilder, name: string, address: bigint) =>
  dump.load({ name, address, index: address, time, code: new Uint8Array(64) });

/** Reads a file of these bytes; the path in notes is "PATH". */
function read(bytes: Uint8Array) {
  using directory = temporaryDirectory();
  const path = join(directory.path, "jit-7.dump");
  Deno.writeFileSync(path, bytes);
  const { timeline, hints } = readDump(path);
  const notes = hints.map(({ text }) => text.replace(path, "PATH"));
  return { timeline, notes };
}

describe("readDump()", () => {
  it("has no notes on a whole dump", () => {
    const { bytes } = load(new DumpBuilder(), "f", 0x1000n);
    const { timeline, notes } = read(bytes);
    assertEquals(timeline.find(0x1001n, time)?.fn.name, "f");
    assertEquals(notes, []);
  });

  it("counts the function whose record the end of the file cuts off, and says so", () => {
    const dump = load(new DumpBuilder(), "f", 0x1000n);
    const { size } = dump;
    const { timeline, notes } = read(
      load(dump, "g", 0x2000n).bytes.subarray(0, -10),
    );
    const found = timeline.find(0x203fn, time);
    assertEquals([found?.fn.name, found?.fn.isComplete], ["g", false]);
    assertEquals(notes, [
      `the dump PATH ends within the record at byte ${size}; functions that were made later are missing`,
    ]);
  });

  it("says where a dump is damaged, and reads on", () => {
    const dump = load(new DumpBuilder(), "f", 0x1000n);
    const { size } = dump;
    dump.raw(new Uint8Array(30).fill(0xaa));
    const { timeline, notes } = read(load(dump, "g", 0x2000n).bytes);
    assertEquals(timeline.find(0x2000n, time)?.fn.name, "g");
    assertEquals(notes, [
      `the dump PATH is damaged in one place (no record begins at byte ${size}); functions there may be missing`,
    ]);
  });

  it("throws an error when it is no dump", () => {
    assertThrows(
      () => read(new Uint8Array(100)),
      Error,
      "file header",
    );
  });
});
