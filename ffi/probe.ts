/**
 * Reading memory that may not be there.
 *
 * @module
 */

import { readErrno, systemCallError } from "./error.ts";
import type { Libc } from "./libc.ts";

// <sys/mman.h>
const MFD_CLOEXEC = 0x1;

const NAME = new TextEncoder().encode("jitdump\0");

/**
 * Reads bytes of this process's memory where that may not be mapped, or not be
 * readable: the kernel looks first, as it writes them to a file in memory.
 *
 * @throws {JitDumpError} If no such file can be made.
 */
export class MemoryProbe implements Disposable {
  readonly #libc: Libc;
  readonly #fd: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#fd = libc.memfd_create(NAME, MFD_CLOEXEC);
    if (this.#fd === -1) {
      const errno = readErrno(libc);
      throw systemCallError(libc, errno, "memfd_create", "open", "memory");
    }
  }

  /** The bytes at an address; undefined where they cannot be read. */
  read(address: bigint, size: number): Uint8Array | undefined {
    const [libc, fd] = [this.#libc, this.#fd];
    const bytes = new Uint8Array(new ArrayBuffer(size));
    const count = BigInt(size);
    const isRead = libc.pwriteFromAddress(fd, address, count, 0n) === size &&
      libc.pread(fd, bytes, count, 0n) === size;
    return isRead ? bytes : undefined;
  }

  [Symbol.dispose](): void {
    this.#libc.close(this.#fd);
  }
}
