/**
 * Memory that code can run in.
 *
 * @module
 */

const PROT_READ = 0x1;
const PROT_WRITE = 0x2;
const PROT_EXEC = 0x4;
const MAP_PRIVATE = 0x02;
const MAP_ANONYMOUS = 0x20;

/** What `mmap` returns where it fails: `(void *) -1`. */
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/**
 * Puts code where it can run, for as long as the process lives. The memory is
 * written first and made executable then, never both at once; where a machine
 * needs its instruction cache told (AArch64), the kernel does so with that
 * change.
 *
 * @returns A view over the code, where it runs.
 */
export function makeExecutable(code: Uint8Array): Uint8Array {
  const libc = Deno.dlopen("libc.so.6", {
    mmap: {
      parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"],
      result: "pointer",
    },
    mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  });
  try {
    const size = BigInt(code.length);
    const memory = libc.symbols.mmap(
      null,
      size,
      PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS,
      -1,
      0n,
    );
    if (memory === null || Deno.UnsafePointer.value(memory) === MAP_FAILED) {
      throw new Error("mmap() gave no memory for code");
    }
    const view = new Uint8Array(
      Deno.UnsafePointerView.getArrayBuffer(memory, code.length),
    );
    view.set(code);
    if (libc.symbols.mprotect(memory, size, PROT_READ | PROT_EXEC) !== 0) {
      throw new Error("mprotect() did not make the memory executable");
    }
    return view;
  } finally {
    libc.close();
  }
}
