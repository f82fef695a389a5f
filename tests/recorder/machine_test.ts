import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { parseCpus } from "../../src/recorder/core_pmus.ts";
import { parseModules } from "../../src/recorder/kernel_code.ts";
import { parseProcessorName } from "../../src/recorder/processor_name.ts";

describe("parseModules()", () => {
  it("returns addresses and perf's names when modules are loaded", () => {
    const text = [
      "nf_tables 270336 0 - Live 0xffffffffc0a00000",
      "libcrc32c 12288 2 nf_tables,btrfs, Live 0xffffffffc0300000 (E)",
      "",
    ].join("\n");
    assertEquals(parseModules(text), [
      { start: 0xffffffffc0a00000n, size: 270336n, file: "[nf_tables]" },
      { start: 0xffffffffc0300000n, size: 12288n, file: "[libcrc32c]" },
    ]);
  });

  it("returns none when the user may not see addresses", () => {
    const text = "nf_tables 270336 0 - Live 0x0000000000000000\n";
    assertEquals(parseModules(text), []);
  });
});

describe("parseProcessorName()", () => {
  it("returns the first name when there are several processors", () => {
    const text = "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n" +
      "processor\t: 1\nmodel name\t: Another CPU\n";
    assertEquals(parseProcessorName(text), "Some CPU @ 2 GHz");
  });

  it("returns undefined when processors have no names", () => {
    assertEquals(
      parseProcessorName("processor\t: 0\nBogoMIPS\t: 50\n"),
      undefined,
    );
  });
});

describe("parseCpus()", () => {
  it("returns all CPUs when the list has ranges and single ones", () => {
    assertEquals([...parseCpus("0-3,8")], [0, 1, 2, 3, 8]);
  });
});
