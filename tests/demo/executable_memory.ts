/**
 * Executable memory.
 *
 * @module
 */

const PROT_READ = 0x1;
const PROT_WRITE = 0x2;
const PROT_EXEC = 0x4;
const MAP_PRIVATE = 0x02;
const MAP_ANONYMOUS = 0x20;

/** The result of a failed `mmap`: `(void *) -1`. */
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/**
 * Copies code to memory that stays executable until the process ends. The memory is
 * writable first and executable afterwards, never both. The kernel invalidates the
 * instruction cache with that change if the machine requires it (AArch64).
 *
 * @returns A view of the executable code.
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
      throw new Error("mmap() failed to allocate memory for code");
    }
    const view = new Uint8Array(
      Deno.UnsafePointerView.getArrayBuffer(memory, code.length),
    );
    view.set(code);
    if (libc.symbols.mprotect(memory, size, PROT_READ | PROT_EXEC) !== 0) {
      throw new Error("mprotect() failed to make the memory executable");
    }
    return view;
  } finally {
    libc.close();
  }
}
