import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { ElfFile } from "../../src/symbols/elf_file.ts";
import { functionsOfSymtab } from "../../src/symbols/elf_symbols.ts";
import { InputFile } from "../../src/symbols/input_file.ts";
import { compileNativeProgram, whyNotCompiled } from "../support/compile_c.ts";
import { itUnless } from "../support/it_unless.ts";
import { recordCommand, runOrThrow } from "../support/perf.ts";
import { demoCommand, profile } from "../support/profile.ts";
import { temporaryDirectory } from "../support/script.ts";
import { perfSamples, unwoundSamples } from "../support/unwound_samples.ts";
import { itBeforePerf } from "../support/with_perf.ts";

/** Matches a frame in a function of the demo. */
const JITTED =
  /^(main|collatz|longest_collatz|gcd|coprime_pairs|fib|polynomial_sum)\+/;

const isJitted = (frame: string) => JITTED.test(frame);

/** Returns the frames before the first one that is not in jitted code. */
function jittedPart(frames: readonly string[]): string[] {
  const end = frames.findIndex((frame) => !isJitted(frame));
  return frames.slice(0, end < 0 ? frames.length : end);
}

const uncompiled = await whyNotCompiled();

const percent = (part: number, whole: number) => 100 * part / whole;

/** Returns the number of frames in each function of a program. */
function namesIn(
  program: string,
  frames: readonly string[],
): Map<string, number> {
  using file = InputFile.open(program)!;
  const elf = new ElfFile(file);
  const functions = functionsOfSymtab(elf)!;
  const counts = new Map<string, number>();
  for (const frame of frames) {
    if (!frame.startsWith(`${program} `)) continue;
    const address = elf.addressAt(Number(frame.slice(program.length + 1)))!;
    const name = functions.find(address)?.name ?? "";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

describe("the stacks of a native program without frame pointers", () => {
  const record = async (directory: string) => {
    const data = join(directory, "perf.data");
    const program = await compileNativeProgram(directory);
    await runOrThrow(recordCommand(
      data,
      [program, "5000"],
      ...["-F", "1999", "--call-graph", "dwarf,16384"],
    ));
    return data;
  };
  const what = "have the frames of perf 6.1 when perf has recorded them";
  const test = uncompiled ? itUnless.bind(null, uncompiled) : itBeforePerf.bind(
    null,
    "6.12",
    "prints addresses in memory, not in the file, for frames without a symbol",
  );
  test(what, async () => {
    // Record until all of these functions have samples. Samples in the PLT are too rare to
    // wait for; tests/unwind tests its rules.
    const unsampled = new Set([
      ...["leaf", "with_alloca", "compare", "handler", "alternate_handler"],
      ...["[vdso]"],
    ]);
    for (let attempt = 0; unsampled.size > 0; attempt++) {
      assertLess(attempt, 20, `never sampled: ${[...unsampled].join()}`);
      using directory = temporaryDirectory();
      const data = await record(directory.path);
      const theirs = await perfSamples(data);
      const ours = await unwoundSamples(data);
      assertGreater(ours.size, 300);
      const differing = [...ours].filter(([time, { frames }]) =>
        frames.join() !== theirs.get(time)?.join()
      );
      const equal = ours.size - differing.length;
      const [[time, { frames }] = [0n, { frames: [] }]] = differing;
      const first = `${frames.join("\n")}\n\n${theirs.get(time)?.join("\n")}`;
      assertGreater(percent(equal, ours.size), 99, first);
      const found = namesIn(
        join(directory.path, "native-program"),
        [...ours.values()].flatMap(({ frames }) => frames),
      );
      for (const name of found.keys()) unsampled.delete(name);
      const isInVdso = ([frame]: string[]) => frame.startsWith("[vdso] ");
      if (ours.values().some(({ frames }) => isInVdso(frames))) {
        unsampled.delete("[vdso]");
      }
    }
  });
});

describe("the stacks of jitted code without frame pointers", () => {
  itBeforePerf(
    "7.0",
    "finds .eh_frame only in images directly in /tmp",
    "have the frames of perf 6.1 when perf has recorded them",
    async () => {
      const { directory, injected } = await profile(
        (directory) => demoCommand(directory, "500"),
        ...["-F", "999", "--call-graph", "dwarf,32768"],
      );
      const theirs = await perfSamples(injected);
      const ours = await unwoundSamples(join(directory, "perf.data"));
      const jitted = [...ours].filter(([, { frames }]) => isJitted(frames[0]));
      assertGreater(jitted.length, 300);
      let whole = 0;
      let throughDeno = 0;
      for (const [time, { frames, end }] of jitted) {
        const part = jittedPart(frames);
        assertEquals(part, jittedPart(theirs.get(time) ?? []), `${time}`);
        if (/^main\+/.test(part.at(-1)!)) whole++;
        if (end === "start of thread") throughDeno++;
      }
      assertGreater(percent(whole, jitted.length), 98);
      assertGreater(percent(throughDeno, jitted.length), 90);
    },
  );
});
