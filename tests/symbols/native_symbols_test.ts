import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { addressOfBigInt } from "../../src/symbols/address.ts";
import { demangle } from "../../src/symbols/demangle.ts";
import { ElfFile } from "../../src/symbols/elf_file.ts";
import { functionsOfDynsym } from "../../src/symbols/elf_symbols.ts";
import { InputFile } from "../../src/symbols/input_file.ts";
import { NativeSymbols } from "../../src/symbols/native_symbols.ts";
import { parseKallsyms, parsePerfMap } from "../../src/symbols/text_symbols.ts";
import { readVdso } from "../../src/symbols/vdso.ts";
import { UnwindTable } from "../../src/unwind/unwind_table.ts";
import { buildElf, BUILT_OFFSET } from "../support/build_elf.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { temporaryDirectory } from "../support/script.ts";

const PROGRAM = `
  __attribute__((noinline)) static int hidden(int n) { return n * 3 + 1; }
  __attribute__((noinline)) int shown(int n) { return hidden(n) ^ 5; }
  int main(int argc, char **argv) { return shown(argc); }
`;

function run(command: string, ...args: string[]): string | undefined {
  try {
    const { success, stdout } = new Deno.Command(command, {
      args,
      stderr: "null",
    }).outputSync();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

const noTools = await whyMissing("cc", "nm", "objcopy");
const noFilter = await whyMissing("c++filt");

/** Returns the functions that nm lists: name, address, size. */
function nmFunctions(path: string, ...options: string[]) {
  return (run("nm", "-S", ...options, path) ?? "").split("\n")
    .map((line) => line.split(" "))
    .filter(([, , type, name]) => name && "tT".includes(type))
    .map(([start, size, , name]) => ({
      name: name.replace(/@.*/, ""),
      start: parseInt(start, 16),
      size: parseInt(size, 16),
    }));
}

function mappingOf(path: string, buildId?: string) {
  const file = { path, major: 0, minor: 0, inode: 0, buildId };
  return { file, start: 0x10000, pageOffset: BUILT_OFFSET };
}

async function inDirectory(test: (directory: string) => void | Promise<void>) {
  using directory = temporaryDirectory();
  await test(directory.path);
}

/** Writes an ELF file with a function "one"; returns its path. */
function writeElf(directory: string): string {
  const path = `${directory}/a`;
  const symbols = [{ name: "one", value: 0x401000, size: 16 }];
  Deno.writeFileSync(path, buildElf({ is64: true, isLittle: true, symbols }));
  return path;
}

describe("names of native functions", () => {
  itUnless(
    noTools,
    "equal those of nm when a program has symbols or a debug file",
    () =>
      inDirectory((directory) => {
        const [whole, stripped, debug] = ["whole", "stripped", "s.debug"]
          .map((name) => `${directory}/${name}`);
        Deno.writeTextFileSync(`${directory}/a.c`, PROGRAM);
        for (const id of ["sha1", "none"]) {
          const built = [
            run(
              "cc",
              "-O1",
              `-Wl,--build-id=${id}`,
              "-o",
              whole,
              `${directory}/a.c`,
            ),
            run("objcopy", "--only-keep-debug", whole, debug),
            run(
              "objcopy",
              "--strip-all",
              `--add-gnu-debuglink=${debug}`,
              whole,
              stripped,
            ),
          ];
          assert(!built.includes(undefined));
          const functions = nmFunctions(whole)
            .filter(({ name }) => ["hidden", "shown", "main"].includes(name));
          assertEquals(functions.length, 3);
          const [load] = new ElfFile(InputFile.open(whole)!).segments
            .filter(({ type, flags }) => type === 1 && flags % 2 === 1);
          for (const path of [whole, stripped]) {
            using symbols = new NativeSymbols();
            const mapping = { ...mappingOf(path), pageOffset: load.offset };
            for (const { name, start, size } of functions) {
              for (const at of [start, start + size - 1]) {
                const address = mapping.start + at - load.vaddr;
                assertEquals(symbols.find(1, address, mapping)?.name, name);
              }
            }
            assertEquals(symbols.notes(), []);
          }
          Deno.writeTextFileSync(debug, "changed");
          using symbols = new NativeSymbols();
          const mapping = { ...mappingOf(stripped), pageOffset: load.offset };
          const { start } = functions[0];
          assertEquals(
            symbols.find(1, mapping.start + start - load.vaddr, mapping)?.name,
            "[stripped]",
          );
        }
      }),
  );

  const libc = [
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/aarch64-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
  ].find((path) => run("nm", "-D", path) !== undefined);
  itUnless(
    libc === undefined ? "nm or libc is not installed" : undefined,
    "equal those of nm when the file is libc",
    () => {
      const functions = nmFunctions(libc!, "-D");
      using file = InputFile.open(libc!)!;
      const table = functionsOfDynsym(new ElfFile(file))!;
      const names = new Map<number, Set<string>>();
      for (const { start, name } of functions) {
        if (!names.has(start)) names.set(start, new Set());
        names.get(start)!.add(name);
      }
      assert(names.size > 1000);
      for (const [start, expected] of names) {
        const { name } = table.find(start)!;
        assert(expected.has(name), `${name} is none of ${[...expected]}`);
      }
    },
  );

  it("are not read when a file has another build-id", () =>
    inDirectory((directory) => {
      const path = writeElf(directory);
      using native = new NativeSymbols();
      const find = (buildId?: string) =>
        native.find(1, 0x10004, mappingOf(path, buildId))?.name;
      assertEquals(find(), "one");
      assertEquals(find("01020304"), "one");
      assertEquals(find("0102030400000000"), "one", "padded with zeros");
      assertEquals(native.notes(), []);
      assertEquals(find("05"), "[a]");
      assertStringIncludes(native.notes()[0].text, "not the file");
    }));

  it("have a note when another machine was recorded without build-ids", () =>
    inDirectory((directory) => {
      const path = writeElf(directory);
      for (
        const [isThisMachine, buildId, notes] of [
          [false, undefined, 1],
          [false, "01020304", 0],
          [true, undefined, 0],
          [undefined, undefined, 0],
        ] as const
      ) {
        using native = new NativeSymbols({ isThisMachine });
        const found = native.find(1, 0x10004, mappingOf(path, buildId));
        assertEquals([found?.name, native.notes().length], ["one", notes]);
      }
    }));

  it("are not read when a file without a build-id has another inode", () =>
    inDirectory((directory) => {
      const path = writeElf(directory);
      using opened = InputFile.open(path)!;
      const { major, minor, inode } = opened.identity;
      using native = new NativeSymbols();
      const find = (identity: Partial<typeof opened.identity>) => {
        const { file, ...mapping } = mappingOf(path);
        const recorded = { ...file, major, minor, inode, ...identity };
        return native.find(1, 0x10004, { ...mapping, file: recorded })?.name;
      };
      assertEquals(find({}), "one");
      assertEquals(find({ inode: inode + 1 }), "[a]");
      assertEquals(
        find({ inode: inode + 1, minor: minor + 1 }),
        "one",
        "an overlay reports a device of its own",
      );
    }));

  it("are replaced by the file's name when it is missing, no regular file or no ELF file", () =>
    inDirectory((directory) => {
      Deno.writeTextFileSync(`${directory}/text`, "no ELF file at all");
      using native = new NativeSymbols();
      for (const name of ["text", "missing", "."]) {
        const path = `${directory}/${name}`;
        assertEquals(
          native.find(1, 0x10004, mappingOf(path))?.name,
          `[${name}]`,
        );
      }
      assertEquals(native.notes().length, 3);
      for (const { remedy } of native.notes()) assert(remedy !== "");
    }));

  it("are those of a perf map when the memory is anonymous", () => {
    const pid = 2 ** 31 - 1 - Deno.pid; // no process has this id
    const path = `/tmp/perf-${pid}.map`;
    Deno.writeTextFileSync(
      path,
      "bad\n1000 10 a b\n1000 10 later\n2000 zz c\n",
    );
    try {
      using native = new NativeSymbols();
      const mapping = mappingOf("//anon");
      const find = (address: number) =>
        native.find(pid, address, mapping)?.name;
      assertEquals(find(0x100f), "later");
      assertEquals(find(0x1010), undefined);
      assertEquals(native.find(pid + 1, 0x1000, undefined), undefined);
    } finally {
      Deno.removeSync(path);
    }
  });

  it("are missing with a note and no prompt when nothing may be read", () =>
    inDirectory((directory) => {
      const module = new URL(
        "../../src/symbols/native_symbols.ts",
        import.meta.url,
      );
      const demangling = new URL("./demangle.ts", module);
      Deno.writeTextFileSync(
        `${directory}/main.ts`,
        `import { NativeSymbols } from "${module.href}";
        import { demangle } from "${demangling.href}";
        const native = new NativeSymbols({ kallsyms: "/proc/kallsyms", isThisMachine: true });
        const file = { path: "/bin/sh", major: 0, minor: 0, inode: 0 };
        const mapping = { file, start: 0, pageOffset: 0 };
        console.log(JSON.stringify([
          native.find(1, 5, mapping)?.name,
          native.find(1, 5, undefined)?.name ?? "none",
          native.find(1, -5, undefined)?.name,
          (await demangle(["_Z1av"])).size,
          native.notes(),
        ]));`,
      );
      const { stdout } = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "--no-prompt", `${directory}/main.ts`],
        stderr: "null",
      }).outputSync();
      const [file, anonymous, kernel, demangled, notes] = JSON.parse(
        new TextDecoder().decode(stdout),
      );
      assertEquals(
        [file, anonymous, kernel, demangled],
        ["[sh]", "none", "[kernel]", 0],
      );
      assertEquals(notes.length, 3);
      for (const { remedy } of notes) assertStringIncludes(remedy, "--allow-");
    }));
});

describe("the vdso", () => {
  const BASE = 0x7fff_0000_0000;
  const vdso = (fields: { start?: number; buildId?: string } = {}) => {
    const { start = BASE, buildId } = fields;
    return {
      ...{ file: mappingOf("[vdso]", buildId).file, start, pageOffset: 0 },
    };
  };
  const elf = new ElfFile(readVdso()!);
  const text = elf.sectionNamed(".text")!;
  const functions = functionsOfDynsym(elf)!;
  /** An address in a function. */
  const address = Array.from({ length: text.size }, (_, i) => text.addr + i)
    .find((address) => functions.find(address) !== undefined)!;
  const { name } = functions.find(address)!;

  it("has names and unwind info when it is this machine's", () => {
    const buildId = elf.buildId();
    for (const mapping of [vdso(), vdso({ buildId })]) {
      using native = new NativeSymbols({ isThisMachine: true });
      const at = BASE + address;
      assertEquals(native.find(1, at, mapping)?.name, name);
      const found = native.unwinding(1, at, mapping)!;
      assertEquals(found.address, address);
      assert(new UnwindTable(found.sections).find(address));
    }
  });

  it("has no names and no unwind info when it is of another machine, kernel or word size", () => {
    const others: [string, boolean | undefined, ReturnType<typeof vdso>][] = [
      ["of another machine", false, vdso()],
      ["of an unknown machine", undefined, vdso()],
      ["of another kernel", true, vdso({ buildId: "ab".repeat(20) })],
      ["of a process of 32 bits", true, vdso({ start: 0xf7f0_0000 })],
    ];
    for (const [which, isThisMachine, mapping] of others) {
      using native = new NativeSymbols({ isThisMachine });
      const at = mapping.start + address;
      assertEquals(native.find(1, at, mapping)?.name, "[vdso]", which);
      assertEquals(native.unwinding(1, at, mapping), undefined, which);
      assertEquals(native.notes(), [], which);
    }
  });
});

describe("the kernel's symbols", () => {
  const TEXT = [
    "ffffffff81000000 T _text",
    "ffffffff81000000 T startup",
    "ffffffff81000100 t inner",
    "ffffffff81000200 D data",
    "ffffffffc0201000 t probe\t[module]",
  ].join("\n");
  const at = (address: bigint) => addressOfBigInt(address);

  it("name the module when an address is in one", () => {
    const table = parseKallsyms(TEXT)!.table;
    assertEquals(table.find(at(0xffffffff81000000n))?.name, "startup");
    assertEquals(table.find(at(0xffffffff810000ffn))?.name, "startup");
    assertEquals(table.find(at(0xffffffff81000100n))?.name, "inner");
    assertEquals(table.find(at(0xffffffffc0201001n))?.name, "probe [module]");
    assertEquals(table.find(at(0xffffffff80ffffffn)), undefined);
  });

  it("are missing when the kernel hides them", () => {
    assertEquals(parseKallsyms("0000000000000000 T _text\n"), undefined);
    assertEquals(parsePerfMap("").size, 0);
  });

  it("are not used when the kernel was restarted", () =>
    inDirectory((directory) => {
      const kallsyms = `${directory}/kallsyms`;
      Deno.writeTextFileSync(kallsyms, TEXT);
      const address = at(0xffffffff81000104n);
      const mapping = (pageOffset: bigint) => ({
        ...mappingOf("[kernel.kallsyms]_text"),
        pageOffset: at(pageOffset),
      });
      using native = new NativeSymbols({ kallsyms });
      const find = (pageOffset: bigint) =>
        native.find(1, address, mapping(pageOffset))?.name;
      assertEquals(find(0xffffffff81000000n), "inner");
      assertEquals(find(0xffffffff91000000n), "[kernel]");
      assertEquals(native.notes().length, 1);
    }));
});

describe("demangling", () => {
  itUnless(
    noFilter,
    "returns C++ and Rust names when symbols are mangled",
    async () => {
      const legacy = "_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE";
      const v0 = "_RNvC6_123foo3bar";
      const demangled = await demangle(["_ZN3foo3barEi", "plain", legacy, v0]);
      assertEquals(demangled.get("_ZN3foo3barEi"), "foo::bar(int)");
      // Some versions of binutils print the hash of a crate.
      assertStringIncludes(
        demangled.get(legacy)!,
        "core::fmt::Write::write_fmt",
      );
      assertStringIncludes(demangled.get(v0)!, "123foo");
      assertEquals(demangled.get("plain"), undefined);
    },
  );
});
