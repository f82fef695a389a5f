import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { corePmus, parseCpus } from "../../src/recorder/core_pmus.ts";
import {
  parseKernelCode,
  parseKernelStart,
  parseModules,
} from "../../src/recorder/kernel_code.ts";
import { parseProcessorName } from "../../src/recorder/processor_name.ts";
import { temporaryDirectory } from "../support/script.ts";

const KALLSYMS = [
  "0000000000000000 A fixed_percpu_data",
  "ffffffff81000000 T _stext",
  "ffffffff81000000 T _text",
  "ffffffff81000040 t in_etext",
  "ffffffff82209988 T _etext",
  "ffffffffc0a00000 t init_module\t[nf_tables]",
  "",
].join("\n");

describe("parseKernelCode()", () => {
  const from = { start: 0xffffffff81000000n, symbol: "_stext" };
  const file = "[kernel.kallsyms]_stext";

  it("returns code up to _etext when there is no _end", () => {
    assertEquals(parseKernelStart(KALLSYMS), from);
    assertEquals(parseKernelCode(KALLSYMS, from), {
      ...{ start: from.start, size: 0x1209988n, file },
    });
  });

  it("returns code up to _end when the kernel has that symbol", () => {
    const text = `${KALLSYMS}ffffffff83000000 B _end\n`;
    assertEquals(parseKernelCode(text, from)?.size, 0x2000000n);
  });

  it("returns undefined when the user may not see addresses", () => {
    const text = KALLSYMS.replaceAll(/^[0-9a-f]+/gm, "0000000000000000");
    assertEquals(parseKernelStart(text), undefined);
    assertEquals(parseKernelCode(text, from), undefined);
  });
});

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

  it("returns no modules when the user may not see addresses", () => {
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

describe("corePmus()", () => {
  it("returns the PMUs of both kinds of cores when the processor is hybrid", () => {
    using devices = temporaryDirectory();
    for (
      const [name, type, cpus] of [
        ["cpu_core", "4", "0-3"],
        ["cpu_atom", "10", "4,6-7"],
        ["power", "9", "0"],
      ]
    ) {
      const directory = join(devices.path, name);
      Deno.mkdirSync(directory);
      Deno.writeTextFileSync(join(directory, "type"), `${type}\n`);
      Deno.writeTextFileSync(join(directory, "cpus"), `${cpus}\n`);
    }
    assertEquals(corePmus(devices.path), [
      { name: "cpu_core", type: 4, cpus: new Set([0, 1, 2, 3]) },
      { name: "cpu_atom", type: 10, cpus: new Set([4, 6, 7]) },
    ]);
  });

  it("returns no PMUs when all cores are of one kind", () => {
    using devices = temporaryDirectory();
    assertEquals(corePmus(devices.path), []);
  });
});

describe("parseCpus()", () => {
  it("returns all CPUs when the list has ranges and numbers", () => {
    assertEquals([...parseCpus("0-3,8")], [0, 1, 2, 3, 8]);
  });
});
