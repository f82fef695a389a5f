/**
 * An open file.
 *
 * @module
 */

import {
  EINTR,
  F_SETFL,
  O_APPEND,
  O_NONBLOCK,
  SEEK_CUR,
  SYS_WRITE,
} from "./constants.ts";
import { readErrno, retry, systemCallError } from "./error.ts";
import type { Libc } from "./libc.ts";
import { addressOfBuffer } from "./memory.ts";
import {
  type FileStatus,
  type FileSystemStatus,
  fileSystemStatus,
  openFileStatus,
} from "./status.ts";

/**
 * A file in append mode. Each method throws the error of {@linkcode Libc.createError} if
 * its system call fails.
 */
export class OpenFile {
  #fd = -1;
  /** True while the descriptor lacks `O_APPEND`, or if an overwrite ended without it. */
  #isOverwriting = false;
  #isClosed = false;
  /** The buffer that was written last, and its address. */
  #bytes: Uint8Array | undefined;
  #address = 0n;

  /**
   * @param libc The libc to call.
   * @param path The path of the file.
   */
  constructor(readonly libc: Libc, readonly path: string) {}

  /** The descriptor; −1 until the file is open. */
  get fd(): number {
    return this.#fd;
  }

  /** Opens the file in append mode. Returns 0 if it is open, or an errno. */
  open(flags: number, mode: number): number {
    const pathname = new TextEncoder().encode(`${this.path}\0`);
    for (;;) {
      // V8 (15) cannot terminate the script between the call and the assignment.
      this.#fd = this.libc.open(pathname, flags | O_APPEND, mode);
      if (this.#fd !== -1) return 0;
      const errno = readErrno(this.libc);
      if (errno !== EINTR) return errno;
    }
  }

  /** Returns the file's status. */
  status(): FileStatus {
    return openFileStatus(this.libc, this.fd, this.path);
  }

  /** Returns the status of the file's file system. */
  fileSystemStatus(): FileSystemStatus {
    return fileSystemStatus(this.libc, this.fd);
  }

  /** Reads up to `into.length` bytes from `offset`; returns the number of bytes read. */
  readAt(into: Uint8Array<ArrayBuffer>, offset: number): number {
    const [libc, size] = [this.libc, BigInt(into.length)];
    return this.#retry(
      "pread",
      "read",
      () => libc.pread(this.fd, into, size, BigInt(offset)),
    );
  }

  /** Appends the first `length` bytes; returns the number of bytes written. */
  write(bytes: Uint8Array<ArrayBuffer>, length: number): number {
    if (this.#isOverwriting) this.#resumeAppending();
    if (bytes !== this.#bytes) {
      this.#address = addressOfBuffer(this.libc, bytes);
      this.#bytes = bytes;
    }
    // Not retry(): this is called for each record, and must not allocate a closure.
    for (;;) {
      const size = BigInt(length);
      const written = this.libc.write(SYS_WRITE, this.#fd, this.#address, size);
      if (written !== -1) return written;
      const errno = readErrno(this.libc);
      if (errno !== EINTR) throw this.#error(errno, "write", "write to");
    }
  }

  /**
   * Appends the parts in one write; returns the number of bytes written. Each part must
   * be in memory that does not move.
   */
  writeParts(parts: readonly Uint8Array[]): number {
    if (this.#isOverwriting) this.#resumeAppending();
    const libc = this.libc;
    // struct iovec { void *iov_base; size_t iov_len; }
    const iov = new BigUint64Array(2 * parts.length);
    parts.forEach((part, i) => {
      iov[2 * i] = addressOfBuffer(libc, part);
      iov[2 * i + 1] = BigInt(part.length);
    });
    const vector = new Uint8Array(iov.buffer);
    return this.#retry(
      "writev",
      "write to",
      () => libc.writev(this.fd, vector, parts.length),
    );
  }

  /**
   * Writes all of the bytes at `offset`. In append mode, Linux appends what pwrite(2) writes,
   * so append mode is off during the call. V8 can terminate a script at any point without
   * running `finally`; the next write then restores append mode.
   */
  overwriteAt(bytes: Uint8Array, offset: number): void {
    this.#isOverwriting = true;
    this.#setStatusFlags(O_NONBLOCK);
    try {
      for (let written = 0; written < bytes.length;) {
        const rest = bytes.subarray(written) as Uint8Array<ArrayBuffer>;
        const at = BigInt(offset + written);
        written += this.#retry(
          "pwrite",
          "write to",
          () => this.libc.pwrite(this.fd, rest, BigInt(rest.length), at),
        );
      }
    } finally {
      this.#resumeAppending();
    }
  }

  #resumeAppending(): void {
    this.#setStatusFlags(O_APPEND | O_NONBLOCK);
    this.#isOverwriting = false;
  }

  #setStatusFlags(flags: number): void {
    this.#retry(
      "fcntl",
      "append to",
      () => this.libc.fcntl(this.fd, F_SETFL, flags),
    );
  }

  /** Returns the file position: after a write, the end of what was written. */
  position(): number {
    return this.#retry(
      "lseek",
      "find the end of",
      () => Number(this.libc.lseek(this.fd, 0n, SEEK_CUR)),
    );
  }

  /** Truncates the file to `length` bytes. */
  truncate(length: number): void {
    this.#retry(
      "ftruncate",
      "truncate",
      () => this.libc.ftruncate(this.fd, BigInt(length)),
    );
  }

  /** True if the file is closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Closes the file. The descriptor is closed even if this throws or the system call is
   * interrupted; see close(2). Further calls have no effect.
   */
  close(): void {
    if (this.#isClosed || this.#fd === -1) return;
    // Set first: the kernel may reuse the descriptor for another file at once.
    this.#isClosed = true;
    if (this.libc.close(this.fd) !== -1) return;
    const errno = readErrno(this.libc);
    if (errno !== EINTR) throw this.#error(errno, "close", "close");
  }

  #retry(syscall: string, intent: string, call: () => number): number {
    return retry(this.libc, { syscall, intent, path: this.path }, call);
  }

  #error(errno: number, syscall: string, intent: string): Error {
    return systemCallError(this.libc, errno, {
      syscall,
      intent,
      path: this.path,
    });
  }
}
