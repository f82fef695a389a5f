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
import { Output, printable } from "./output.ts";

/** objdump's names of machines, by `e_machine` of ELF. */
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

/**
 * Prints the instructions of all functions with that name; returns their number.
 *
 * @param marks Returns the text before a function's instruction at an offset.
 */
export async function disassemble(
  path: string,
  name: string,
  marks: (fn: DumpedFunction) => (offset: number) => string = () => () => "",
): Promise<number> {
  using dump = RecoveringReader.open(path);
  const { elfMach, littleEndian } = dump.header;
  const machine = MACHINES[elfMach];
  if (!machine) {
    throw new Error(`objdump does not support ELF machine ${elfMach}`);
  }
  const timeline = new CodeTimeline([], dump.header);
  // Later records can correct a function's source lines.
  const found: { fn: DumpedFunction; load: CodeLoad }[] = [];
  for (const record of dump) {
    if (record instanceof CorruptRange) continue;
    const fn = timeline.add(record);
    if (fn?.name !== name || !(record instanceof CodeLoad)) continue;
    found.push({ fn, load: record.copy() });
  }
  const output = new Output();
  for (const [i, { fn, load }] of found.entries()) {
    if (i > 0) output.line("");
    const { codeAddr, codeSize, codeIndex } = fn;
    output.line(
      `${printable(name)}: ${codeSize} bytes at ${
        hex(codeAddr)
      }, code index ${codeIndex}`,
    );
    const instructions = await runObjdump(load, [
      ...["-m", machine],
      littleEndian ? "-EL" : "-EB",
    ]);
    const mark = marks(fn);
    const markAt = (address: bigint) => mark(Number(address - codeAddr));
    for (const line of between(instructions, timeline.linesOf(fn), markAt)) {
      output.line(line);
    }
  }
  output.flush();
  return found.length;
}

/** Runs objdump, and returns a line for each instruction. */
async function runObjdump(
  { code, codeAddr }: CodeLoad,
  machine: string[],
): Promise<string[]> {
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

/** Yields the instructions, and before the first one of each source line its text. */
function* between(
  instructions: string[],
  lines: readonly LineEntry[],
  mark: (address: bigint) => string,
): Generator<string> {
  const sources = new SourceFiles();
  let next = 0;
  for (const instruction of instructions) {
    const address = BigInt(`0x${instruction.trim().split(":")[0]}`);
    let entry: LineEntry | undefined;
    while (next < lines.length && lines[next].codeAddr <= address) {
      entry = lines[next++];
    }
    if (entry) {
      yield printable(`${entry.file}:${entry.line}  ${sources.line(entry)}`)
        .trimEnd();
    }
    yield `${mark(address)}${instruction}`;
  }
}

/** Source files, read lazily. */
class SourceFiles {
  readonly #files = new Map<string, string[]>();

  /** Returns the text of a source line; returns an empty string if it cannot be read. */
  line({ file, line }: LineEntry): string {
    let lines = this.#files.get(file);
    if (!lines) {
      lines = read(file);
      this.#files.set(file, lines);
    }
    return lines[line - 1]?.trim() ?? "";
  }
}

function read(file: string): string[] {
  try {
    return Deno.readTextFileSync(file).split("\n");
  } catch {
    // The recorded path may be of another machine, or reading it may not be allowed.
    return [];
  }
}
