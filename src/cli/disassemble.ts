/**
 * Disassembly of functions.
 *
 * @module
 */

import { hex } from "../reader/hex.ts";
import { CodeLoad, type LineEntry } from "../reader/dump_record.ts";
import { CodeTimeline } from "../reader/code_timeline.ts";
import type { DumpedFunction } from "../reader/dumped_function.ts";
import { CorruptRange, RecoveringReader } from "../reader/recovering_reader.ts";
import { colored, Output, printable } from "./output.ts";

/** objdump's names of machines, by ELF's `e_machine`. */
const MACHINES: Record<number, string> = {
  3: "i386",
  20: "powerpc:common",
  21: "powerpc:common64",
  22: "s390:64-bit",
  40: "arm",
  62: "i386:x86-64",
  183: "aarch64",
  243: "riscv:rv64",
  258: "loongarch64",
};

/** ELF's `e_machine`, by the architecture that uname(2) returns. */
const MACHINE_OF: Record<string, number> = {
  i686: 3,
  ppc64: 21,
  ppc64le: 21,
  s390x: 22,
  armv7l: 40,
  x86_64: 62,
  aarch64: 183,
  riscv64: 243,
  loongarch64: 258,
};

/** A function of a dump with its code. */
export interface FunctionCode {
  readonly fn: DumpedFunction;
  readonly load: CodeLoad;
  /** The corrected source lines. */
  readonly lines: readonly LineEntry[];
  /** objdump's options for the machine of the code. */
  readonly machine: readonly string[];
}

/**
 * Returns the wanted functions of a dump, in the order of the file.
 *
 * @param arch Architecture of the recorded machine, for dumps that name none: CPython 3.13
 * writes ELF machine 0. Defaults to this machine's.
 */
export function readCode(
  path: string,
  isWanted: (fn: DumpedFunction) => boolean,
  arch: string = Deno.build.arch,
): FunctionCode[] {
  using dump = RecoveringReader.open(path);
  const { elfMach, littleEndian } = dump.header;
  const name = MACHINES[elfMach === 0 ? MACHINE_OF[arch] : elfMach];
  if (!name) throw new Error(`objdump does not support ELF machine ${elfMach}`);
  const machine = ["-m", name, littleEndian ? "-EL" : "-EB"];
  const timeline = new CodeTimeline([], dump.header);
  const found: { fn: DumpedFunction; load: CodeLoad }[] = [];
  for (const record of dump) {
    if (record instanceof CorruptRange) continue;
    const fn = timeline.add(record);
    if (!fn || !(record instanceof CodeLoad) || !isWanted(fn)) continue;
    found.push({ fn, load: record.copy() });
  }
  // Later records can correct a function's source lines.
  return found.map(({ fn, load }) => ({
    ...{ fn, load, machine },
    lines: timeline.linesOf(fn),
  }));
}

/** Prints the instructions of all functions with a name; returns their number. */
export async function disassemble(path: string, name: string): Promise<number> {
  const found = readCode(path, (fn) => fn.name === name);
  const output = new Output();
  for (const [i, code] of found.entries()) {
    if (i > 0) output.line("");
    output.line(`${printable(name)}: ${placeOf(code.fn)}`);
    await showInstructions(code, output);
  }
  output.flush();
  return found.length;
}

/** Returns a function's size, address and code index. */
export const placeOf = ({ codeSize, codeAddr, codeIndex }: DumpedFunction) =>
  `${codeSize} bytes at ${hex(codeAddr)}, code index ${codeIndex}`;

/**
 * Prints the instructions of a function, and the text of each source line before its
 * instructions.
 *
 * @param mark Returns the text before the instructions in a range of offsets.
 * @param textOf Returns the lines of a source file; undefined to read them from the file.
 */
export async function showInstructions(
  { fn, load, lines, machine }: FunctionCode,
  output: Output,
  mark: (start: number, end: number) => string = () => "",
  textOf: (file: string) => string[] | undefined = () => undefined,
): Promise<void> {
  if (load.code.length === 0) {
    output.line("the dump does not contain the code of this function");
    return;
  }
  const instructions = await runObjdump(load, machine);
  const offsets = instructions.map((text) =>
    Number(BigInt(`0x${text.trim().split(":")[0]}`) - fn.codeAddr)
  );
  const sources = new SourceFiles(textOf);
  const starts = lineStarts(fn, lines, offsets);
  for (const [i, text] of instructions.entries()) {
    const entry = starts[i];
    if (entry) {
      const next = starts.findIndex((start, at) => at > i && start);
      const end = next === -1 ? Infinity : offsets[next];
      const place = `${entry.file}:${entry.line}  ${sources.line(entry)}`;
      output.line(
        colored(
          `${mark(offsets[i], end)}${printable(place)}`.trimEnd(),
          "bold",
        ),
      );
    }
    output.line(mark(offsets[i], offsets[i + 1] ?? Infinity) + text);
  }
}

/**
 * Returns the line that begins at each instruction, if one does. Consecutive entries for
 * columns of one line count as one.
 */
function lineStarts(
  { codeAddr }: DumpedFunction,
  lines: readonly LineEntry[],
  offsets: readonly number[],
): (LineEntry | undefined)[] {
  let next = 0;
  let current: LineEntry | undefined;
  return offsets.map((offset) => {
    const before = current;
    while (next < lines.length) {
      if (Number(lines[next].codeAddr - codeAddr) > offset) break;
      current = lines[next++];
    }
    const isSame = current?.file === before?.file &&
      current?.line === before?.line;
    return isSame ? undefined : current;
  });
}

/** Runs objdump, and returns a line for each instruction. */
export async function runObjdump(
  { code, codeAddr }: CodeLoad,
  machine: readonly string[],
): Promise<string[]> {
  // objdump fails if a file is empty.
  if (code.length === 0) return [];
  const file = await Deno.makeTempFile({ prefix: "jitdump-" });
  try {
    await Deno.writeFile(file, code);
    const { success, stdout, stderr } = await new Deno.Command("objdump", {
      args: [
        ...["-D", "-w", "-z", "-b", "binary"],
        ...machine,
        `--adjust-vma=${hex(codeAddr)}`,
        file,
      ],
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(decoder.decode(stderr).trim());
    return decoder.decode(stdout).split("\n")
      .filter((line) => /^\s*[0-9a-f]+:\t/.test(line));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("objdump is not installed; install the package binutils");
  } finally {
    await Deno.remove(file);
  }
}

/** Source files, read lazily. */
class SourceFiles {
  readonly #files = new Map<string, string[]>();
  readonly #textOf: (file: string) => string[] | undefined;

  constructor(textOf: (file: string) => string[] | undefined) {
    this.#textOf = textOf;
  }

  /** Returns the text of a source line; returns an empty string if it cannot be read. */
  line({ file, line }: LineEntry): string {
    let lines = this.#files.get(file);
    if (!lines) {
      lines = this.#textOf(file) ?? readSource(file) ?? [];
      this.#files.set(file, lines);
    }
    return lines[line - 1]?.trim() ?? "";
  }
}

/** Returns the lines of a source file; undefined if it cannot be read. */
export function readSource(file: string): string[] | undefined {
  try {
    const path = file.startsWith("file:///") ? new URL(file) : file;
    return Deno.readTextFileSync(path).split("\n");
  } catch {
    // The recorded path may be of another machine, or reading it may not be allowed.
    return undefined;
  }
}
