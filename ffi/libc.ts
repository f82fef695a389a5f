/**
 * libc: its symbols with their C signatures, and the way to a libc that the
 * permissions of this process allow.
 *
 * Three rules hold for the whole table:
 *
 * - **An address is a `u64`.** Under a path-scoped `--allow-ffi` Deno refuses
 *   every API that makes or reads a `Deno.PointerObject`, so memory is read by
 *   copying from it (`memory.ts`), and a pointer occurs only where a caller's
 *   own is turned into its address.
 * - **A 64-bit argument is given as a `bigint`.** Deno's fast call path takes
 *   only that; a `number` costs five times as much per call.
 * - **A `ssize_t` is an `i32`.** Linux transfers 2 GiB − 4 KiB at the most in one call,
 *   and a 64-bit result would be a `bigint`: garbage for each record, and a chance for
 *   the collector to call libc before errno has been read.
 *
 * The declarations are those of 64-bit Linux, where `off_t` and `ssize_t` have
 * 64 bits. Deno runs on no other Linux.
 *
 * @module
 */

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
  memfd_create: {
    parameters: [
      "buffer", // const char *name
      "u32", // unsigned int flags
    ],
    result: "i32", // int
  },
  realpath: {
    parameters: [
      "buffer", // const char *path
      "buffer", // char *resolved_path, of PATH_MAX bytes
    ],
    result: "u64", // char *
  },
  pwriteFromAddress: {
    name: "pwrite",
    parameters: [
      "i32", // int fd
      "u64", // const void *buf
      "usize", // size_t count
      "i64", // off_t offset
    ],
    result: "i32", // ssize_t
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
  write: {
    parameters: [
      "i32", // int fd
      "buffer", // const void *buf
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
  pthread_mutex_timedlock: {
    parameters: [
      "u64", // pthread_mutex_t *mutex
      "buffer", // const struct timespec *abstime
    ],
    result: "i32", // int
  },
  pthread_mutex_unlock: {
    parameters: [
      "u64", // pthread_mutex_t *mutex
    ],
    result: "i32", // int
  },
  pthread_rwlock_tryrdlock: {
    parameters: [
      "u64", // pthread_rwlock_t *rwlock
    ],
    result: "i32", // int
  },
  pthread_rwlock_timedrdlock: {
    parameters: [
      "u64", // pthread_rwlock_t *rwlock
      "buffer", // const struct timespec *abstime
    ],
    result: "i32", // int
  },
  pthread_rwlock_timedwrlock: {
    parameters: [
      "u64", // pthread_rwlock_t *rwlock
      "buffer", // const struct timespec *abstime
    ],
    result: "i32", // int
  },
  pthread_rwlock_unlock: {
    parameters: [
      "u64", // pthread_rwlock_t *rwlock
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
  gettid: {
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
  // memset and memcpy return their first argument, so with a length of 0 they turn a
  // buffer or a pointer into an address without writing anything.
  addressOfBuffer: {
    name: "memset",
    parameters: [
      "buffer", // void *s
      "i32", // int c
      "usize", // size_t n
    ],
    result: "u64", // void *
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
  copyToAddress: {
    name: "memcpy",
    parameters: [
      "u64", // void *dest
      "buffer", // const void *src
      "usize", // size_t n
    ],
    result: "void", // void *, not of interest
  },
  copyBetweenAddresses: {
    name: "memcpy",
    parameters: [
      "u64", // void *dest
      "u64", // const void *src
      "usize", // size_t n
    ],
    result: "void", // void *, not of interest
  },
  copyFromAddress: {
    name: "memcpy",
    parameters: [
      "buffer", // void *dest
      "u64", // const void *src
      "usize", // size_t n
    ],
    result: "void", // void *, not of interest
  },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * What is called for each record, or a thousand times when a file is opened, and the two
 * that read errno. For each of these Deno compiles a trampoline when libc is opened,
 * which takes 0.1 to 0.2 ms.
 */
const COMPILED: readonly string[] = [
  "__errno_location",
  "addressOfBuffer",
  "addressOfPointer",
  "clock_gettime",
  "copyBetweenAddresses",
  "copyFromAddress",
  "fcntl",
  "pthread_rwlock_tryrdlock",
  "pthread_rwlock_unlock",
  "write",
] satisfies (keyof typeof SYMBOLS)[];

/**
 * One parameter more, behind those that the function looks at. Deno compiles nothing
 * for a symbol that takes a struct; calling it takes 0.2 µs longer.
 */
const UNUSED = { struct: ["u8"] } as const;
const NOTHING = new Uint8Array(1);

/** {@linkcode SYMBOLS} as they are opened. */
const DECLARATIONS: Deno.ForeignLibraryInterface = Object.fromEntries(
  Object.entries<Deno.ForeignFunction>(SYMBOLS).map(([name, symbol]) =>
    COMPILED.includes(name)
      ? [name, symbol]
      : [name, { ...symbol, parameters: [...symbol.parameters, UNUSED] }]
  ),
);

/** An opened libc: {@linkcode Libc} under `symbols`, and `close()`. */
export type LibcLibrary = Deno.DynamicLibrary<typeof SYMBOLS>;

/** The callable symbols of libc. */
export type Libc = LibcLibrary["symbols"];

const SONAME = "libc.so.6";

/** Where the distributions keep libc, most widespread first. */
export const LIBC_PATHS: readonly string[] = [
  `/lib/${Deno.build.arch}-linux-gnu/${SONAME}`, // Debian, Ubuntu
  `/usr/lib/${Deno.build.arch}-linux-gnu/${SONAME}`,
  `/lib64/${SONAME}`, // Fedora, openSUSE, Arch
  `/usr/lib64/${SONAME}`,
  `/lib/${SONAME}`,
  `/usr/lib/${SONAME}`,
];

/** Whether FFI is allowed, for all libraries or for the one at `path`. */
function isGranted(path?: string): boolean {
  const status = Deno.permissions.querySync({ name: "ffi", path });
  return status.state === "granted" && !status.partial;
}

/**
 * Opens libc.
 *
 * `path` is taken as it is. Without it libc is found by what is allowed: by its
 * soname where FFI is unrestricted, else by the first of the distributions'
 * paths that `--allow-ffi` covers and that is there. On a terminal Deno may
 * ask the user, as for any other permission.
 *
 * A soname is for unrestricted FFI only: under any restriction Deno takes it for
 * a file in the current directory, and that may be anybody's.
 *
 * @param path An absolute path, or a soname, of the libc to use.
 * @returns The library; whoever opened it closes it.
 * @throws {Deno.errors.NotCapable} If FFI is not allowed for any of the paths.
 * @throws {Error} If what is allowed cannot be loaded.
 */
export function openLibc(path?: string): LibcLibrary {
  if (path !== undefined) {
    if (!path.includes("/") && !isGranted()) {
      throw new Deno.errors.NotCapable(
        `Cannot load libc: FFI is limited, so "options.libc" must be a path, got "${path}". ` +
          `Give the path that --allow-ffi names, or run again with --allow-ffi`,
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
    // What is allowed is not there, so the user has to allow what is.
  }
  requireFfi(LIBC_PATHS[0]);
  return load([LIBC_PATHS[0]]);
}

function requireFfi(path: string): void {
  if (
    Deno.permissions.requestSync({ name: "ffi", path }).state === "granted"
  ) return;
  throw new Deno.errors.NotCapable(
    `Cannot load libc: FFI access to "${path}" is not allowed. ` +
      `Run again with --allow-ffi=${path}` +
      (path === LIBC_PATHS[0]
        ? `, or the path of libc on this system (such as ${LIBC_PATHS[2]})`
        : ""),
  );
}

function openSymbols(path: string): LibcLibrary {
  const library = Deno.dlopen(path, DECLARATIONS);
  const calls = library.symbols as Record<
    string,
    (...values: unknown[]) => unknown
  >;
  const symbols = Object.entries(calls).map(([name, call]) =>
    COMPILED.includes(name)
      ? [name, call]
      : [name, (...values: unknown[]) => call(...values, NOTHING)]
  );
  return {
    symbols: Object.fromEntries(symbols),
    close: () => library.close(),
  };
}

function load(candidates: string[]): LibcLibrary {
  const failures: string[] = [];
  for (const candidate of candidates) {
    try {
      return openSymbols(candidate);
    } catch (error) {
      // The loader's own sentence, behind what Deno says, begins with the path.
      const { message } = error as Error;
      const reason = message.lastIndexOf(`${candidate}: `);
      failures.push(
        reason < 0 ? `${candidate}: ${message}` : message.slice(reason),
      );
    }
  }
  throw new Error(
    `Cannot load libc: ${failures.join("; ")}. ` +
      `Give its path in "options.libc" and in --allow-ffi.`,
  );
}
