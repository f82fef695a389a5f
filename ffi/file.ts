/**
 * The file calls of libc. Each throws a {@linkcode JitDumpError} where the
 * system call fails, and none opens a path that Deno's own permissions do not
 * allow.
 *
 * @module
 */

import { systemCallError } from "./error.ts";
import type { Libc } from "./libc.ts";
import { addressOfBuffer } from "./memory.ts";

// <fcntl.h> and <asm/fcntl.h>: the same on x86-64 and AArch64 …
const O_RDWR = 0o2;
const O_CREAT = 0o100;
const O_NOCTTY = 0o400;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
// … but for this one.
const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0o100000 : 0o400000;

const F_SETFL = 4;
const SEEK_CUR = 1;

// <sys/stat.h>, statx(2)
const AT_EMPTY_PATH = 0x1000;
const STATX_TYPE = 0x1;
const STATX_BYTES = 256;
const STX_MODE = 28; // u16
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

const NO_PATH = new Uint8Array(1);

/** An open file: its descriptor, and its path for error messages. */
export interface OpenFile {
  readonly fd: number;
  readonly path: string;
}

/** Throws what the last call failed of, unless a signal interrupted it. */
function throwUnlessInterrupted(
  libc: Libc,
  syscall: string,
  intent: string,
  path: string,
): void {
  const error = systemCallError(libc, syscall, intent, path);
  if (error.code !== "EINTR") throw error;
}

/** Calls until a call is not interrupted, and throws what it failed of. */
function retry(
  libc: Libc,
  syscall: string,
  intent: string,
  path: string,
  call: () => number | bigint,
): number {
  for (;;) {
    const result = Number(call());
    if (result !== -1) return result;
    throwUnlessInterrupted(libc, syscall, intent, path);
  }
}

/**
 * The path without `.`, `..` and empty components, by its text alone, as Deno
 * sees it. The kernel would follow a symbolic link before it goes up from it, and
 * end elsewhere than where Deno has allowed.
 */
function normalize(path: string): string {
  const isAbsolute = path.startsWith("/");
  const components: string[] = [];
  for (const component of path.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") components.push(component);
    else if (components.length > 0 && components.at(-1) !== "..") {
      components.pop();
    } else if (!isAbsolute) components.push(component);
  }
  return (isAbsolute ? "/" : "") + components.join("/") || ".";
}

/** Whether `--allow-write` is not enough for Deno there, as there is more than files. */
function isSpecial(path: string): boolean {
  const absolute = path.startsWith("/")
    ? path
    : normalize(`${Deno.cwd()}/${path}`);
  return /^\/(dev|proc|sys)(\/|$)/.test(absolute);
}

const ALL_PERMISSIONS = [
  "env",
  "ffi",
  "net",
  "read",
  "run",
  "sys",
  "write",
] as const;

const isAllGranted = () =>
  ALL_PERMISSIONS.every((name) => {
    const status = Deno.permissions.querySync({ name });
    return status.state === "granted" && !status.partial;
  });

/** Asks Deno for leave to write to a normalized path. */
function requireWrite(path: string): void {
  const { state } = Deno.permissions.requestSync({ name: "write", path });
  if (state !== "granted") {
    const slash = path.lastIndexOf("/");
    const directory = slash < 0 ? "." : path.slice(0, slash) || "/";
    throw new Deno.errors.NotCapable(
      `Cannot open "${path}": write access to it is not allowed. ` +
        `Run again with --allow-write=${directory}`,
    );
  }
  if (isSpecial(path) && !isAllGranted()) {
    throw new Deno.errors.NotCapable(
      `Cannot open "${path}": Deno leaves /dev, /proc and /sys to programs that may do all. ` +
        `Choose another directory, or run again with --allow-all`,
    );
  }
}

/**
 * Opens a regular file for reading and writing, and creates it with mode 0600
 * if it is not there.
 *
 * A symbolic link in the path's last component is not followed, and anything
 * but a regular file is refused without waiting for its other side. Children of
 * this process do not inherit the descriptor.
 *
 * @throws {Deno.errors.NotCapable} If Deno may not write to the path; then
 * nothing is touched.
 * @throws {JitDumpError} If it cannot be opened.
 * @throws {Deno.errors.InvalidData} If it is not a regular file.
 */
export function openRegularFile(libc: Libc, givenPath: string): OpenFile {
  const path = normalize(givenPath);
  requireWrite(path);
  const pathname = new TextEncoder().encode(`${path}\0`);
  const flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
    O_NOCTTY;
  const fd = retry(
    libc,
    "open",
    "open",
    path,
    () => libc.open(pathname, flags, 0o600),
  );
  const file = { fd, path };
  try {
    if ((statx(libc, file).getUint16(STX_MODE, true) & S_IFMT) !== S_IFREG) {
      throw new Deno.errors.InvalidData(
        `Cannot open "${path}": it is not a regular file. Choose another path.`,
      );
    }
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return file;
}

function statx(libc: Libc, file: OpenFile): DataView {
  const status = new Uint8Array(STATX_BYTES);
  retry(
    libc,
    "statx",
    "look at",
    file.path,
    () =>
      libc.statx(
        file.fd,
        NO_PATH,
        AT_EMPTY_PATH,
        STATX_TYPE,
        status,
      ),
  );
  return new DataView(status.buffer);
}

/** From now on each write goes to the end of the file, wherever that is then. */
export function setAppendMode(libc: Libc, file: OpenFile): void {
  retry(
    libc,
    "fcntl",
    "append to",
    file.path,
    () => libc.fcntl(file.fd, F_SETFL, O_APPEND),
  );
}

/** Reads up to `into.length` bytes from `offset` on; says how many there were. */
export function readAt(
  libc: Libc,
  file: OpenFile,
  into: Uint8Array<ArrayBuffer>,
  offset: number,
): number {
  return retry(
    libc,
    "pread",
    "read",
    file.path,
    () => libc.pread(file.fd, into, BigInt(into.length), BigInt(offset)),
  );
}

/**
 * Writes the bytes at `offset`; says how many were written. In append mode
 * Linux would write them at the end.
 */
export function writeAt(
  libc: Libc,
  file: OpenFile,
  bytes: Uint8Array<ArrayBuffer>,
  offset: number,
): number {
  return retry(
    libc,
    "pwrite",
    "write to",
    file.path,
    () => libc.pwrite(file.fd, bytes, BigInt(bytes.length), BigInt(offset)),
  );
}

/** Writes the first `length` bytes; says how many were written. */
export function write(
  libc: Libc,
  file: OpenFile,
  bytes: Uint8Array<ArrayBuffer>,
  length: number,
): number {
  // Not by retry(): this is called for each record, and makes no closure.
  for (;;) {
    const written = Number(libc.write(file.fd, bytes, BigInt(length)));
    if (written !== -1) return written;
    throwUnlessInterrupted(libc, "write", "write to", file.path);
  }
}

/**
 * Writes the parts one behind the other, as one write; says how many bytes were
 * written. Each part must lie in memory that does not move.
 */
export function writeParts(
  libc: Libc,
  file: OpenFile,
  parts: Uint8Array[],
): number {
  // struct iovec { void *iov_base; size_t iov_len; }
  const iov = new BigUint64Array(2 * parts.length);
  parts.forEach((part, i) => {
    iov[2 * i] = addressOfBuffer(libc, part);
    iov[2 * i + 1] = BigInt(part.length);
  });
  const vector = new Uint8Array(iov.buffer);
  return retry(
    libc,
    "writev",
    "write to",
    file.path,
    () => libc.writev(file.fd, vector, parts.length),
  );
}

/** Where the next read or write would be: behind the last one. */
export function filePosition(libc: Libc, file: OpenFile): number {
  return retry(
    libc,
    "lseek",
    "find the end of",
    file.path,
    () => libc.lseek(file.fd, 0n, SEEK_CUR),
  );
}

/** Cuts the file to `length` bytes. */
export function truncate(libc: Libc, file: OpenFile, length: number): void {
  retry(
    libc,
    "ftruncate",
    "shorten",
    file.path,
    () => libc.ftruncate(file.fd, BigInt(length)),
  );
}

/**
 * Closes the file. The descriptor is gone even where this throws, and an
 * interrupted close is a finished one; see close(2).
 */
export function closeFile(libc: Libc, file: OpenFile): void {
  if (libc.close(file.fd) === -1) {
    throwUnlessInterrupted(libc, "close", "close", file.path);
  }
}
