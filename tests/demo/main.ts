/**
 * A JIT compiler that can be profiled: it compiles `program.calc`, records the functions in
 * a jitdump file, and runs them.
 *
 *     deno run --allow-ffi --allow-read=tests/demo --allow-write=DIR \
 *         tests/demo/main.ts DIR [SCALE [frame-pointers]]
 *
 * DIR is the directory of the dump. `--allow-ffi` is not limited to libc, because calling
 * the compiled code requires all of it; writing the dump does not. With `frame-pointers`
 * the compiled code keeps frame pointers, which `perf record --call-graph fp` requires.
 *
 * @module
 */

import { JitDumpFile } from "../../mod.ts";
import { compile } from "./compile.ts";
import { makeExecutable } from "./executable_memory.ts";

/** Argument of `main` for a run of about two seconds. */
const SCALE = "1000";

const [directory = ".", scale = SCALE, framePointers] = Deno.args;

const source = new URL("program.calc", import.meta.url);
const program = compile(
  Deno.readTextFileSync(source),
  Deno.build.arch,
  framePointers === "frame-pointers",
);
const memory = makeExecutable(program.code);

using dump = JitDumpFile.forProcess(directory, {
  sourceRoot: new URL(".", source),
});
for (const { name, start, end, lines, unwinding } of program.functions) {
  const code = memory.subarray(start, end);
  dump.dumpFunction({
    name,
    code,
    lines: lines.map((line) => ({ ...line, file: "program.calc" })),
    unwinding,
  });
  const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(code));
  console.log(
    `0x${address.toString(16)} ${
      String(code.length).padStart(5)
    } bytes  ${name}`,
  );
}

const entry = program.functions.find(({ name }) => name === "main")!;
const main = new Deno.UnsafeFnPointer(
  Deno.UnsafePointer.of(memory.subarray(entry.start))!,
  { parameters: ["i64"], result: "i64" },
);
const start = performance.now();
const result = main.call(BigInt(scale));
const seconds = (performance.now() - start) / 1000;
console.log(`main(${scale}) = ${result} after ${seconds.toFixed(2)} s`);
