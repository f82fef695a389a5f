/**
 * Constants of the C headers of 64-bit Linux. They are the same on x86-64 and AArch64,
 * except for `O_NOFOLLOW`.
 *
 * @module
 */

// <errno.h>
export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const EINTR = 4;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENOSYS = 38;
export const EOPNOTSUPP = 95;

// <fcntl.h>: open(2)
export const O_RDONLY = 0;
export const O_RDWR = 0o2;
export const O_ACCMODE = 0o3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0o100000 : 0o400000;

// <fcntl.h>: fcntl(2)
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_OFD_GETLK = 36;
export const F_OFD_SETLK = 37;
export const F_RDLCK = 0;
export const F_WRLCK = 1;
export const F_UNLCK = 2;

// <fcntl.h>: statx(2)
export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_EMPTY_PATH = 0x1000;

// <sys/stat.h>
export const STATX_BASIC_STATS = 0x7ff;
export const S_IFMT = 0o170000;
export const S_IFREG = 0o100000;

// <unistd.h>
export const SEEK_CUR = 1;

// <unistd.h>: sysconf(3)
export const SC_PAGESIZE = 30;
export const SC_NPROCESSORS_CONF = 83;
export const SC_NPROCESSORS_ONLN = 84;
export const SC_PHYS_PAGES = 85;

// <sys/syscall.h>
export const SYS_WRITE = Deno.build.arch === "aarch64" ? 64n : 1n;
export const SYS_PERF_EVENT_OPEN = Deno.build.arch === "aarch64" ? 241n : 298n;

// <linux/perf_event.h>
export const PERF_FLAG_FD_CLOEXEC = 8n;
export const PERF_EVENT_IOC_DISABLE = 0x2401n;
export const PERF_EVENT_IOC_ENABLE = 0x2400n;
export const PERF_EVENT_IOC_SET_OUTPUT = 0x2405n;
export const PERF_EVENT_IOC_ID = 0x8008_2407n;

// <asm-generic/ioctls.h>
export const TIOCGPGRP = 0x540fn;

// <sys/mman.h>
export const PROT_READ = 0x1;
export const PROT_WRITE = 0x2;
export const PROT_EXEC = 0x4;
export const MAP_SHARED = 0x1;
export const MAP_PRIVATE = 0x2;
export const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

// <time.h>
export const CLOCK_MONOTONIC = 1;

// <elf.h>: getauxval(3)
export const AT_RANDOM = 25n;

// <sys/resource.h>
export const RLIMIT_FSIZE = 1;

// <linux/limits.h>
export const PATH_MAX = 4096;
