/**
 * A program with two jitted functions of the same name; only the second one runs long.
 *
 *     deno run --allow-all tests/support/twins.ts DIRECTORY
 *
 * @module
 */

import { JitDumpFile } from "../../mod.ts";
import { compile } from "../demo/compile.ts";
import { makeExecutable } from "../demo/executable_memory.ts";

const SOURCE = `
fn idle(n) {
  return n;
}

fn busy(n) {
  let sum = 0;
  while n != 0 {
    sum = sum + n * n;
    n = n - 1;
  }
  return sum;
}
`;

const { code, functions } = compile(SOURCE, Deno.build.arch);
const memory = makeExecutable(code);
using dump = JitDumpFile.forProcess(Deno.args[0]);
dump.dumpFunctions(functions.map(({ start, end, unwinding }) => ({
  name: "twin",
  code: memory.subarray(start, end),
  unwinding,
})));
for (const { start } of functions) {
  const twin = new Deno.UnsafeFnPointer(
    Deno.UnsafePointer.of(memory.subarray(start))!,
    { parameters: ["i64"], result: "i64" },
  );
  console.log(twin.call(100_000_000n));
}
