/**
 * libc: its symbols with their C signatures, and the search for a libc that the
 * permissions of this process allow.
 *
 * Three rules hold for the whole table:
 *
 * - **An address is a `u64`.** Under a path-scoped `--allow-ffi` Deno (2.2 to 2.9)
 *   refuses every API that creates or reads a `Deno.PointerObject`. Memory is therefore
 *   read by copying it (`memory.ts`), and a pointer is only ever an argument that is
 *   converted to its address.
 * - **A 64-bit argument is passed as a `bigint`.** The fast call path of Deno (2.9) accepts
 *   nothing else; a `number` costs five times as much per call.
 * - **A `ssize_t` is an `i32`.** Linux transfers at most 2 GiB − 4 KiB in one call, and a
 *   64-bit result would be a `bigint`, which is garbage for each record. A garbage
 *   collection might also call libc before errno has been read.
 *
 * The declarations are those of 64-bit Linux: `off_t` and `ssize_t` have 64 bits. Deno
 * (2.9) supports no other Linux.
 *
 * @module
 */

import type { ErrorFactory } from "./system_call_failure.ts";

const SYMBOLS = {
  __errno_location: {
    parameters: [],
    result: "u64", // int *
  },
  __xpg_strerror_r: {
    parameters: [
      "i32", // int errnum
      "buffer", // char *buf
      "usize", // size_t buflen
    ],
    result: "i32", // int
  },
  open: {
    parameters: [
      "buffer", // const char *pathname
      "i32", // int flags
      "u32", // mode_t mode
    ],
    result: "i32", // int
  },
  close: {
    parameters: [
      "i32", // int fd
    ],
    result: "i32", // int
  },
  statx: {
    parameters: [
      "i32", // int dirfd
      "buffer", // const char *pathname
      "i32", // int flags
      "u32", // unsigned int mask
      "buffer", // struct statx *statxbuf
    ],
    result: "i32", // int
  },
  fcntl: {
    parameters: [
      "i32", // int fd
      "i32", // int cmd
      "i32", // int arg
    ],
    result: "i32", // int
  },
  fcntlLock: {
    name: "fcntl",
    parameters: [
      "i32", // int fd
      "i32", // int cmd
      "buffer", // struct flock *lock
    ],
    result: "i32", // int
  },
  rename: {
    parameters: [
      "buffer", // const char *oldpath
      "buffer", // const char *newpath
    ],
    result: "i32", // int
  },
  unlink: {
    parameters: [
      "buffer", // const char *pathname
    ],
    result: "i32", // int
  },
  pread: {
    parameters: [
      "i32", // int fd
      "buffer", // void *buf
      "usize", // size_t count
      "i64", // off_t offset
    ],
    result: "i32", // ssize_t
  },
  realpath: {
    parameters: [
      "buffer", // const char *path
      "buffer", // char *resolved_path, of PATH_MAX bytes
    ],
    result: "u64", // char *
  },
  pwrite: {
    parameters: [
      "i32", // int fd
      "buffer", // const void *buf
      "usize", // size_t count
      "i64", // off_t offset
    ],
    result: "i32", // ssize_t
  },
  // Unlike libc's write(), syscall() is no cancellation point. In a process with several
  // threads, which Deno always has, that saves 20 to 50 ns (glibc 2.36).
  write: {
    name: "syscall",
    parameters: [
      "i64", // long number
      "i32", // int fd
      "u64", // const void *buf
      "usize", // size_t count
    ],
    result: "i32", // ssize_t
  },
  writev: {
    parameters: [
      "i32", // int fd
      "buffer", // const struct iovec *iov
      "i32", // int iovcnt
    ],
    result: "i32", // ssize_t
  },
  lseek: {
    parameters: [
      "i32", // int fd
      "i64", // off_t offset
      "i32", // int whence
    ],
    result: "i64", // off_t
  },
  ftruncate: {
    parameters: [
      "i32", // int fd
      "i64", // off_t length
    ],
    result: "i32", // int
  },
  fstatfs: {
    parameters: [
      "i32", // int fd
      "buffer", // struct statfs *buf
    ],
    result: "i32", // int
  },
  mmap: {
    parameters: [
      "u64", // void *addr
      "usize", // size_t length
      "i32", // int prot
      "i32", // int flags
      "i32", // int fd
      "i64", // off_t offset
    ],
    result: "u64", // void *
  },
  munmap: {
    parameters: [
      "u64", // void *addr
      "usize", // size_t length
    ],
    result: "i32", // int
  },
  clock_gettime: {
    parameters: [
      "i32", // clockid_t clockid
      "u64", // struct timespec *tp
    ],
    result: "i32", // int
  },
  getrlimit: {
    parameters: [
      "i32", // int resource
      "buffer", // struct rlimit *rlim
    ],
    result: "i32", // int
  },
  perf_event_open: {
    name: "syscall", // libc has no function for it
    parameters: [
      "i64", // long number
      "buffer", // struct perf_event_attr *attr
      "i32", // pid_t pid
      "i32", // int cpu
      "i32", // int group_fd
      "u64", // unsigned long flags
    ],
    result: "i32", // int
  },
  ioctl: {
    parameters: [
      "i32", // int fd
      "u64", // unsigned long request
      "i64", // long argument
    ],
    result: "i32", // int
  },
  ioctlBuffer: {
    name: "ioctl",
    parameters: [
      "i32", // int fd
      "u64", // unsigned long request
      "buffer", // void *argument
    ],
    result: "i32", // int
  },
  read: {
    parameters: [
      "i32", // int fd
      "buffer", // void *buf
      "usize", // size_t count
    ],
    result: "i32", // ssize_t
  },
  sysconf: {
    parameters: [
      "i32", // int name
    ],
    result: "i64", // long
  },
  gettid: {
    parameters: [],
    result: "i32", // pid_t
  },
  getpgrp: {
    parameters: [],
    result: "i32", // pid_t
  },
  geteuid: {
    parameters: [],
    result: "u32", // uid_t
  },
  getauxval: {
    parameters: [
      "usize", // unsigned long type
    ],
    result: "usize", // unsigned long
  },
  // labs returns a positive argument unchanged, and no address is negative, so it converts
  // a buffer to its address. memcpy returns its first argument, so with a length of 0 it
  // converts a pointer without writing anything.
  addressOfBuffer: {
    name: "labs",
    parameters: [
      "buffer", // long
    ],
    result: "u64", // long
  },
  addressOfPointer: {
    name: "memcpy",
    parameters: [
      "pointer", // void *dest
      "pointer", // const void *src
      "usize", // size_t n
    ],
    result: "u64", // void *
  },
  copyBetweenAddresses: {
    name: "memcpy",
    parameters: [
      "u64", // void *dest
      "u64", // const void *src
      "usize", // size_t n
    ],
    result: "void", // void *, ignored
  },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * The symbols that are called for each record. Deno compiles a trampoline for each of
 * these when libc is opened, which takes 0.1 ms, and 0.15 ms with a buffer (Deno 2.9).
 */
const COMPILED: readonly string[] = [
  "addressOfBuffer",
  "clock_gettime",
  "copyBetweenAddresses",
  "write",
] satisfies (keyof typeof SYMBOLS)[];

/**
 * An additional last parameter that the function ignores. Deno (2.9) compiles no
 * trampoline for a symbol with a struct parameter; calling it takes 0.2 µs longer.
 */
const UNUSED = { struct: ["u8"] } as const;
const UNUSED_VALUE = new Uint8Array(1);

/** {@linkcode SYMBOLS} as they are passed to `Deno.dlopen()`. */
const DECLARATIONS: Deno.ForeignLibraryInterface = Object.fromEntries(
  Object.entries<Deno.ForeignFunction>(SYMBOLS).map(([name, symbol]) =>
    COMPILED.includes(name)
      ? [name, symbol]
      : [name, { ...symbol, parameters: [...symbol.parameters, UNUSED] }]
  ),
);

/** The errno of a thread. */
interface Errno {
  readonly address: bigint;
  /** A copy of errno, and the address of the copy. */
  readonly copy: Int32Array;
  readonly copyAddress: bigint;
}

/** The callable symbols of libc. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] & {
  /** The errno of this thread in this copy of libc. */
  readonly errno: Errno;
  /** Creates the exception for a failed system call. */
  readonly createError: ErrorFactory;
};

/** An opened libc. */
export interface LibcLibrary {
  readonly symbols: Libc;
  /** Unloads the library. */
  close(): void;
}

const SONAME = "libc.so.6";

/** Paths of libc in the distributions, most widespread first. */
export const LIBC_PATHS: readonly string[] = [
  `/lib/${Deno.build.arch}-linux-gnu/${SONAME}`, // Debian, Ubuntu
  `/usr/lib/${Deno.build.arch}-linux-gnu/${SONAME}`,
  `/lib64/${SONAME}`, // Fedora, openSUSE, Arch
  `/usr/lib64/${SONAME}`,
  `/lib/${SONAME}`,
  `/usr/lib/${SONAME}`,
];

/** Returns whether FFI is allowed, for all libraries or for the one at `path`. */
function isGranted(path?: string): boolean {
  const status = Deno.permissions.querySync({ name: "ffi", path });
  return status.state === "granted" && !status.partial;
}

/**
 * Opens libc.
 *
 * `path` is used unchanged. Without it, the permissions decide: libc is opened by its
 * soname if FFI is unrestricted, else by the first of {@linkcode LIBC_PATHS} that
 * `--allow-ffi` covers and that exists. On a terminal Deno may prompt, as for any other
 * permission.
 *
 * The soname is for unrestricted FFI only: under any restriction Deno (2.9) resolves it
 * to a file in the current directory, which another user may have placed there.
 *
 * @param createError Creates the exceptions of failed system calls.
 * @param path An absolute path, or a soname, of the libc to use.
 * @returns The library; the caller closes it.
 * @throws {Deno.errors.NotCapable} If FFI is not allowed for any of the paths.
 * @throws {Error} If no allowed library can be loaded.
 */
export function openLibc(
  createError: ErrorFactory,
  path?: string,
): LibcLibrary {
  const library = findLibc(path);
  const errno = findErrno(library.symbols);
  const symbols = { ...library.symbols, createError, errno };
  const close = () => {
    // A symbol of an unloaded library is an address that must not be called.
    for (const name of Object.keys(library.symbols)) {
      Object.assign(symbols, { [name]: refuseCall });
    }
    library.close();
  };
  return { symbols, close };
}

function refuseCall(): never {
  throw new Deno.errors.BadResource(
    "Cannot call libc: it is unloaded, because the file that used it is closed",
  );
}

type Symbols = Omit<Libc, "createError" | "errno">;

function findErrno(symbols: Symbols): Errno {
  const copy = new Int32Array(new ArrayBuffer(4));
  return {
    address: symbols.__errno_location(),
    copy,
    copyAddress: symbols.addressOfBuffer(new Uint8Array(copy.buffer)),
  };
}

interface OpenedSymbols {
  readonly symbols: Symbols;
  close(): void;
}

function findLibc(path?: string): OpenedSymbols {
  if (path !== undefined) {
    if (!path.includes("/") && !isGranted()) {
      throw new Deno.errors.NotCapable(
        `Cannot load libc: FFI is limited to some paths, so "options.libc" must be a path, ` +
          `got "${path}". Pass the path that --allow-ffi names, or run again with --allow-ffi`,
      );
    }
    requireFfi(path);
    return load([path]);
  }
  if (isGranted()) return load([SONAME]);
  const granted = LIBC_PATHS.filter(isGranted);
  if (granted.includes(LIBC_PATHS[0])) return load(granted);
  try {
    if (granted.length > 0) return load(granted);
  } catch {
    // No allowed path exists, so the user has to allow another one.
  }
  requireFfi(LIBC_PATHS[0]);
  return load([LIBC_PATHS[0]]);
}

function requireFfi(path: string): void {
  const { state } = Deno.permissions.requestSync({ name: "ffi", path });
  if (state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Cannot load libc: FFI access to "${path}" is not allowed. ` +
      `Run again with --allow-ffi=${path}` +
      (path === LIBC_PATHS[0]
        ? `, or the path of libc on this system (such as ${LIBC_PATHS[2]})`
        : ""),
  );
}

/** Opens the first candidate that can be loaded. */
function load(candidates: readonly string[]): OpenedSymbols {
  const failures: string[] = [];
  for (const candidate of candidates) {
    try {
      return openSymbols(candidate);
    } catch (error) {
      // The loader's own message follows Deno's (2.9), and begins with the path.
      const { message } = error as Error;
      const reason = message.lastIndexOf(`${candidate}: `);
      failures.push(
        reason < 0 ? `${candidate}: ${message}` : message.slice(reason),
      );
    }
  }
  throw new Error(
    `Cannot load libc: ${failures.join("; ")}. ` +
      `Pass its path in "options.libc" and in --allow-ffi.`,
  );
}

function openSymbols(path: string): OpenedSymbols {
  const library = Deno.dlopen(path, DECLARATIONS);
  const calls = library.symbols as Record<
    string,
    (...values: unknown[]) => unknown
  >;
  const symbols = Object.entries(calls).map(([name, call]) =>
    COMPILED.includes(name)
      ? [name, call]
      : [name, (...values: unknown[]) => call(...values, UNUSED_VALUE)]
  );
  return {
    symbols: Object.fromEntries(symbols),
    close: () => library.close(),
  };
}
