import { assert, assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EM_AARCH64 } from "../../mod.ts";
import { ElfFile } from "../../src/symbols/elf_file.ts";
import { InputFile } from "../../src/symbols/input_file.ts";
import { unwindSectionsOf } from "../../src/symbols/unwind_sections.ts";
import type { FrameRow } from "../../src/unwind/frame_rules.ts";
import { encodeUnwindInfo } from "../../src/unwind/unwinding_info.ts";
import { UnwindTable } from "../../src/unwind/unwind_table.ts";
import { compileNativeProgram, whyNotCompiled } from "../support/compile_c.ts";
import { FRAME_EXAMPLES } from "../support/frame_examples.ts";
import { itUnless } from "../support/it_unless.ts";
import { runOrThrow } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";

const reason = await whyNotCompiled();

const X86_64 = ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp"];

/** Returns DWARF's number of the register with a name of readelf. */
function numberOf(name: string, isAArch64: boolean): number {
  if (name === "ra") return isAArch64 ? 30 : 16;
  if (name === "sp") return 31;
  if (X86_64.includes(name)) return X86_64.indexOf(name);
  const number = Number(name.slice(1));
  return name.startsWith("v") ? 64 + number : number;
}

/** Formats a row like readelf. */
function shown(
  { cfa, registers }: FrameRow,
  columns: readonly string[],
  nameOf: (register: number) => string,
  isAArch64: boolean,
): string[] {
  const signed = (value: number) => (value < 0 ? "" : "+") + value;
  const rules = new Map(registers);
  return [
    cfa === undefined
      ? "none"
      : "expression" in cfa
      ? "exp"
      : nameOf(cfa.register) + signed(cfa.offset),
    ...columns.map((column) => {
      const rule = rules.get(numberOf(column, isAArch64));
      switch (rule?.kind) {
        case "offset":
          return `c${signed(rule.value)}`;
        case "valueOffset":
          return `v${signed(rule.value)}`;
        case "expression":
          return "exp";
        case "valueExpression":
          return "vexp";
        case "same":
          return "s";
        case "register":
          return nameOf(rule.value);
        case undefined:
        case "undefined":
          return "u";
      }
    }),
  ];
}

/** Returns the rows of readelf's tables, with the names of their columns. */
function readelfRows(text: string) {
  const rows: { address: number; columns: string[]; row: string[] }[] = [];
  for (const entry of text.split(/\n\n+/)) {
    const [head, names, ...lines] = entry.trim().split("\n");
    if (!/ FDE /.test(head) || !names) continue;
    const [, , ...columns] = names.trim().split(/\s+/);
    for (const line of lines) {
      // readelf prints "r1 (rdx)" for a register that is saved in another one.
      const [address, ...row] = line.trim().replace(/r\d+ \((\w+)\)/g, "$1")
        .split(/\s+/);
      rows.push({ address: parseInt(address, 16), columns, row });
    }
  }
  return rows;
}

async function compareWithReadelf(path: string): Promise<number> {
  using file = InputFile.open(path)!;
  const sections = unwindSectionsOf(new ElfFile(file))!;
  const byTable = new UnwindTable(sections);
  const byScan = new UnwindTable({ ehFrame: sections.ehFrame });
  const { stdout } = await runOrThrow(
    ["readelf", "--debug-dump=no-follow-links,frames-interp", "--wide", path],
  );
  const rows = readelfRows(stdout);
  const nameOf = (register: number) => X86_64[register] ?? `r${register}`;
  for (const { address, columns, row } of rows) {
    const at = `${path} at 0x${address.toString(16)}`;
    for (const table of [byTable, byScan]) {
      const found = table.find(address);
      assert(found, at);
      assertEquals(shown(found.row, columns, nameOf, false), row, at);
    }
  }
  return rows.length;
}

describe("the rules of an .eh_frame", () => {
  for (const example of FRAME_EXAMPLES) {
    const { description, eMachine, codeSize, unwinding, columns, rows } =
      example;
    it(`are those of the frame steps when these are for ${description}`, () => {
      const { ehFrame } = encodeUnwindInfo("", eMachine, codeSize, unwinding);
      const table = UnwindTable.ofFunction(codeSize, ehFrame);
      const isAArch64 = eMachine === EM_AARCH64;
      const nameOf = (register: number) =>
        isAArch64
          ? register === 31 ? "sp" : `x${register}`
          : X86_64[register] ?? `r${register}`;
      // Vector registers do not affect unwinding.
      const kept = columns.filter((name) => !name.startsWith("v"));
      for (const [i, [start, ...row]] of rows.entries()) {
        const expected = row.slice(0, 1 + kept.length);
        const last = (rows[i + 1]?.[0] ?? codeSize) - 1;
        for (const offset of [start, last]) {
          const found = table.find(offset)!.row;
          assertEquals(shown(found, kept, nameOf, isAArch64), expected);
        }
      }
      assertEquals(table.find(-1), undefined);
      assertEquals(table.find(codeSize), undefined);
    });
  }

  itUnless(
    reason ??
      (Deno.build.arch === "x86_64"
        ? undefined
        : "the programs are for x86-64"),
    "are those of readelf when they are of a program or the C library",
    async () => {
      using directory = temporaryDirectory();
      const program = await compileNativeProgram(directory.path);
      assertGreater(await compareWithReadelf(program), 20);
      const { stdout } = await runOrThrow(["cc", "-print-file-name=libc.so.6"]);
      assertGreater(await compareWithReadelf(stdout.trim()), 5000);
    },
  );
});
