import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { readCode } from "../../src/cli/disassemble.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { temporaryDirectory } from "../support/script.ts";

/** Returns objdump's options for a dump of an ELF machine, in a recording of `arch`. */
function machineOf(machine: number, arch: string): readonly string[] {
  using directory = temporaryDirectory();
  const path = join(directory.path, "jit-7.dump");
  Deno.writeFileSync(path, new DumpBuilder(true, { machine }).load().bytes);
  const [code] = readCode(path, () => true, arch);
  return code.machine;
}

describe("readCode()", () => {
  it("returns the recording's machine when the dump has ELF machine 0", () => {
    assertEquals(machineOf(0, "aarch64"), ["-m", "aarch64", "-EL"]);
    assertEquals(machineOf(0, "x86_64"), ["-m", "i386:x86-64", "-EL"]);
  });

  it("returns the dump's machine when it has one", () => {
    assertEquals(machineOf(62, "aarch64"), ["-m", "i386:x86-64", "-EL"]);
  });

  it("throws when the recording's architecture is unknown", () => {
    assertThrows(() => machineOf(0, "pdp11"), Error, "ELF machine 0");
  });
});
