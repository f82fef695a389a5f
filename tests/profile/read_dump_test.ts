import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { NO_PIECE } from "../../src/reader/code_history.ts";
import { readDump } from "../../src/profile/read_dump.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { temporaryDirectory } from "../support/script.ts";

const time = 10n ** 13n;

const load = (dump: DumpBuilder, name: string, address: bigint) =>
  dump.load({ name, address, index: address, time, code: new Uint8Array(64) });

/** Reads a file with these bytes; the path in hints is "PATH". */
function read(bytes: Uint8Array) {
  using directory = temporaryDirectory();
  const path = join(directory.path, "jit-7.dump");
  Deno.writeFileSync(path, bytes);
  const { histories, hints } = readDump(path);
  const { functions, pieces } = histories.get(7)!;
  const notes = hints.map(({ text }) => text.replace(path, "PATH"));
  const find = (address: bigint) => {
    const piece = pieces.find(address, time);
    return piece === NO_PIECE
      ? undefined
      : functions.get(pieces.functionOf(piece));
  };
  return { find, notes };
}

describe("readDump()", () => {
  it("returns no hints when a dump is complete", () => {
    const { bytes } = load(new DumpBuilder(), "f", 0x1000n);
    const { find, notes } = read(bytes);
    assertEquals(find(0x1001n)?.name, "f");
    assertEquals(notes, []);
  });

  it("returns the function and a hint when the file ends within its record", () => {
    const dump = load(new DumpBuilder(), "f", 0x1000n);
    const { size } = dump;
    const { find, notes } = read(
      load(dump, "g", 0x2000n).bytes.subarray(0, -10),
    );
    const found = find(0x203fn);
    assertEquals([found?.name, found?.isComplete], ["g", false]);
    assertEquals(notes, [
      `the dump PATH ends within the record at byte ${size}; ` +
      "functions that were recorded later are missing",
    ]);
  });

  it("returns a hint and the other functions when a dump has corrupt data", () => {
    const dump = load(new DumpBuilder(), "f", 0x1000n);
    const { size } = dump;
    dump.raw(new Uint8Array(30).fill(0xaa));
    const { find, notes } = read(load(dump, "g", 0x2000n).bytes);
    assertEquals(find(0x2000n)?.name, "g");
    assertEquals(notes, [
      `the dump PATH is corrupt in one range (no record begins at byte ${size}); ` +
      "functions there may be missing",
    ]);
  });

  it("throws when the file is not a dump", () => {
    assertThrows(
      () => read(new Uint8Array(100)),
      Error,
      "file header",
    );
  });
});
