/**
 * The test program of `jitdump doctor`, which spends its time in one jitted function.
 *
 *     deno run --allow-all src/cli/doctor_program.ts DIRECTORY NAME
 *
 * @module
 */

import { JitDumpFile } from "../../mod.ts";

/** Machine code of a loop that counts down from its argument. */
const CODE: Record<string, number[]> = {
  x86_64: [
    ...[0x48, 0xff, 0xcf], // dec %rdi
    ...[0x75, 0xfb], //       jne to the start
    0xc3, //                  ret
  ],
  aarch64: [
    ...[0x00, 0x04, 0x00, 0xf1], // subs x0, x0, #1
    ...[0xe1, 0xff, 0xff, 0x54], // b.ne to the start
    ...[0xc0, 0x03, 0x5f, 0xd6], // ret
  ],
};

const PROT_READ_WRITE = 3;
const PROT_READ_EXEC = 5;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const PAGE = 65536n;
const ROUNDS = 300_000_000n;

const [directory, name] = Deno.args;
const libc = Deno.dlopen("libc.so.6", {
  mmap: {
    parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
    result: "pointer",
  },
  mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
});
const memory = libc.symbols.mmap(
  null,
  PAGE,
  PROT_READ_WRITE,
  MAP_PRIVATE_ANONYMOUS,
  -1,
  0n,
)!;
const bytes = CODE[Deno.build.arch];
const code = new Uint8Array(
  Deno.UnsafePointerView.getArrayBuffer(memory, bytes.length),
);
code.set(bytes);
libc.symbols.mprotect(memory, PAGE, PROT_READ_EXEC);
const run = new Deno.UnsafeFnPointer(
  memory as Deno.PointerObject<never>,
  { parameters: ["u64"], result: "void" } as const,
);
using dump = JitDumpFile.forProcess(directory);
dump.dumpFunction({ name, code });
run.call(ROUNDS);
