/**
 * A program in which JavaScript and jitted code call each other, on x86-64:
 * `deno run --allow-all nested_calls.ts DIRECTORY pointer|symbol`.
 *
 *     caller ─ jit_outer ─ callbackMiddle ─ jit_middle ─ callbackInner ─ jit_inner
 *
 * The jitted code keeps no frame pointer.
 *
 * @module
 */

import { type FrameStep, JitDumpFile } from "../../mod.ts";
import { makeExecutable } from "../demo/executable_memory.ts";

const [directory, way] = Deno.args;

/** Microseconds of CPU time for which the program runs, also on a busy machine. */
const CPU_TIME = 750_000;

/** Number of rounds of each jitted function. */
const ROUNDS = 20_000n;

/** `jit_inner(rounds)` */
const INNER = [
  ...[0x48, 0x89, 0xf8], // mov rax, rdi
  ...[0x48, 0xff, 0xc8], // dec rax
  ...[0x75, 0xfb], // jnz to dec
  0xc3, // ret
];

/** `jit_outer(callback, rounds)` and `jit_middle(callback, rounds)` */
const CALLER = [
  0x53, // push rbx
  ...[0x48, 0x83, 0xec, 0x10], // sub rsp, 16
  ...[0x48, 0x89, 0xf3], // mov rbx, rsi
  ...[0x48, 0x89, 0xf8], // mov rax, rdi
  ...[0x48, 0x89, 0xf7], // mov rdi, rsi
  ...[0xff, 0xd0], // call rax
  ...[0x48, 0x89, 0xd8], // mov rax, rbx
  ...[0x48, 0xff, 0xc8], // dec rax
  ...[0x75, 0xfb], // jnz to dec
  ...[0x48, 0x83, 0xc4, 0x10], // add rsp, 16
  0x5b, // pop rbx
  0xc3, // ret
];

/** Bytes from one function to the next. */
const DISTANCE = 512;

const CALLER_STEPS: FrameStep[] = [
  { offset: 1, push: ["rbx"] },
  { offset: 5, adjust: 16 },
];

const functions = [
  { name: "jit_outer", code: CALLER, unwinding: CALLER_STEPS },
  { name: "jit_middle", code: CALLER, unwinding: CALLER_STEPS },
  { name: "jit_inner", code: INNER, unwinding: [] },
];

const code = new Uint8Array(DISTANCE * functions.length);
functions.forEach((fn, i) => code.set(fn.code, i * DISTANCE));
const memory = makeExecutable(code);
using dump = JitDumpFile.forProcess(directory);
const [outer, middle, inner] = functions.map(({ name, code, unwinding }, i) => {
  const start = i * DISTANCE;
  const part = memory.subarray(start, start + code.length);
  dump.dumpFunction({ name, code: part, unwinding });
  return Deno.UnsafePointer.of(part)!;
});

const CALLBACK = { parameters: ["i64"], result: "i64" } as const;
const callMiddle = new Deno.UnsafeCallback(
  CALLBACK,
  function callbackMiddle(rounds) {
    return call(middle, addressOf(callInner), rounds);
  },
);
const callInner = new Deno.UnsafeCallback(
  CALLBACK,
  function callbackInner(rounds) {
    return call(inner, rounds, rounds);
  },
);

const addressOf = ({ pointer }: Deno.UnsafeCallback<typeof CALLBACK>) =>
  Deno.UnsafePointer.value(pointer);

/** bsearch() in one element calls the function once, with the key and the element. */
const libc = Deno.dlopen("libc.so.6", {
  bsearch: {
    parameters: ["u64", "u64", "usize", "usize", "pointer"],
    result: "u64",
  },
});

function call(
  pointer: Deno.PointerObject,
  first: bigint,
  second: bigint,
): bigint {
  return way === "symbol"
    ? libc.symbols.bsearch(first, second, 1n, 0n, pointer)
    : new Deno.UnsafeFnPointer(
      pointer as Deno.PointerObject<never>,
      { parameters: ["u64", "u64"], result: "i64" } as const,
    ).call(first, second);
}

function caller(): void {
  call(outer, addressOf(callMiddle), ROUNDS);
}

const end = process.cpuUsage().user + CPU_TIME;
while (process.cpuUsage().user < end) caller();
callMiddle.close();
callInner.close();
libc.close();
