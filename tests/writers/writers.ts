/**
 * The tested writers, and the expected results of each.
 *
 * @module
 */

import type { CommandLine } from "../support/perf.ts";
import type { DebianPackages, NpmPackage, Source } from "./install.ts";

/** A program that writes a dump or a perf map. */
export interface Writer {
  readonly name: string;
  readonly source: Source;
  /** Commands that run before the recorded one, each with its source. */
  readonly prepare?: readonly (readonly [Source, CommandLine])[];
  /** The command that is recorded, in a directory with a copy of the programs. */
  readonly command: CommandLine;
  readonly env?: Readonly<Record<string, string>>;
  /** Matches the plain names of the functions with most of the jitted code's time. */
  readonly hot: RegExp;
  /**
   * Shares of lines in percent of the time of all these lines. A key can be several lines,
   * separated by spaces.
   */
  readonly lines?: Readonly<Record<string, number>>;
  /** Rules of the expected findings; the tests of `check` verify each with perf. */
  readonly findings?: readonly string[];
}

/** Returns the shares of the three loops, whose rounds take the same time in most programs. */
const LOOPS = (light: number, first: number, second: number) => ({
  [light]: 25,
  [first]: 25,
  [second]: 50,
});

const LINES_IN_JS = LOOPS(4, 9, 10);

const sid = (...packages: string[]): DebianPackages => ({
  release: "sid",
  packages,
});
const trixie = (...packages: string[]): DebianPackages => ({
  release: "trixie",
  packages,
});
const bookworm = (...packages: string[]): DebianPackages => ({
  release: "bookworm",
  packages,
});

/** Findings of V8's dumps outside /tmp. */
const V8 = ["late lines", "unwind info outside /tmp"];

const nodePackage = (version: number): NpmPackage => ({
  npm: `node@${version}`,
  bin: "node/bin/node",
});

const node = (version: number): Writer => ({
  name: `Node ${version}`,
  source: nodePackage(version),
  command: ["node", "--perf-prof", "work.js"],
  hot: /^(light|heavy|)$/,
  lines: LINES_IN_JS,
  findings: version < 26 ? [...V8, "freed memory"] : V8,
});

const python = (version: string, mode: string, suffix = ""): Writer => ({
  name: `CPython ${version}${suffix}`,
  source: sid(`python${version}`),
  command: [`python${version}`, "-X", mode, "work.py"],
  hot: /^(light|heavy|<module>)$/,
});

const erlang = (
  name: string,
  source: DebianPackages,
  mode: string,
): Writer => ({
  name,
  source,
  prepare: [[source, ["erlc", "work.erl"]]],
  command: [
    ...["erl", "+JPperf", mode, "-noshell"],
    ...["-s", "work", "main", "-s", "init", "stop"],
  ] as unknown as CommandLine,
  hot: /^work:(light|heavy)\/2$/,
  ...(mode === "map" ? {} : { lines: { "5 7 8": 25, "10 12 13": 75 } }),
});

const php = (
  version: string,
  source: DebianPackages,
  debug: number,
): Writer => ({
  name: `PHP ${version}${debug === PHP_MAP ? " map" : ""}`,
  source,
  command: [
    `php${version}`,
    ...["-d", "opcache.enable_cli=1"],
    ...["-d", "opcache.jit=tracing"],
    ...["-d", "opcache.jit_buffer_size=64M"],
    // Without this option, PHP does not compile new scripts.
    ...["-d", "opcache.file_update_protection=0"],
    ...["-d", `opcache.jit_debug=${debug}`],
    "work.php",
  ],
  hot: /^(light|heavy)$/,
});

/** Flags of PHP 8.2 to 8.4: ZEND_JIT_DEBUG_PERF and ZEND_JIT_DEBUG_PERF_DUMP. */
const PHP_MAP = 0x10;
const PHP_DUMP = 0x20;

const AS_POSTGRES = ["setpriv", "--reuid=postgres", "--clear-groups"] as const;

const postgres = (version: number, source: DebianPackages): Writer => {
  const programs = `/usr/lib/postgresql/${version}/bin`;
  return {
    name: `PostgreSQL ${version}`,
    source,
    prepare: [
      [source, [...AS_POSTGRES, `${programs}/initdb`, "-D", "data"]],
    ],
    command: [
      ...AS_POSTGRES,
      "sh",
      "-c",
      `exec ${programs}/postgres --single -D data -c jit=on -c jit_above_cost=0 ` +
      "-c jit_profiling_support=on -c max_parallel_workers_per_gather=0 " +
      "postgres <work.sql",
    ],
    hot: /^(evalexpr|deform)_\d+_\d+$/,
  };
};

const lli = (version: number, source: DebianPackages): Writer => ({
  name: `LLVM ${version} lli`,
  source,
  command: [`lli-${version}`, "--jit-kind=mcjit", "work.ll"],
  hot: /^(light|heavy)$/,
  lines: LOOPS(3, 8, 9),
  findings: ["late lines"],
});

const JDK = bookworm(
  "openjdk-17-jdk-headless",
  "gcc",
  "libc6-dev",
  "linux-source-6.1",
  "xz-utils",
);

const LINUX = "linux-source-6.1";
const JNI = "/usr/lib/jvm/java-17-openjdk-amd64/include";

/** Shell command that builds perf's agent for Java, which Debian's linux-perf omits. */
const AGENT = `
  tar -xJf /usr/src/${LINUX}.tar.xz ${LINUX}/tools/include \
    ${LINUX}/tools/perf/jvmti ${LINUX}/tools/perf/util/jitdump.h &&
  cd ${LINUX}/tools/perf/jvmti &&
  gcc -shared -fPIC -O1 -w -D_GNU_SOURCE -DHAVE_JVMTI_CMLR -DHAVE_GETTID \
    -I${JNI} -I${JNI}/linux -I../../include \
    -o ../../../../libperf-jvmti.so libjvmti.c jvmti_agent.c
`;

const java = (version: number, source: DebianPackages): Writer => ({
  name: `OpenJDK ${version}, perf's agent`,
  source,
  prepare: [[JDK, ["javac", "-g", "Work.java"]], [JDK, ["sh", "-c", AGENT]]],
  command: ["java", "-agentpath:./libperf-jvmti.so", "Work"],
  hot: /^(light|heavy)$/,
  lines: LOOPS(5, 11, 12),
  findings: ["last line"],
});

const QEMU = sid("qemu-user");

const qemu = (name: string, option: string): Writer => ({
  name,
  source: QEMU,
  prepare: [[JDK, ["gcc", "-O1", "-static", "-o", "guest", "work.c"]]],
  command: ["qemu-x86_64", option, "./guest"],
  hot: /^guest-0x[0-9a-f]+$/,
});

const MONO = bookworm("mono-runtime", "mono-mcs");

/** Findings of JavaScriptCore's dumps. */
const JSC = ["file name", "last line"];

/** The tested writers. */
export const WRITERS: readonly Writer[] = [
  ...[18, 20, 22, 24, 26].map(node),
  {
    name: "Deno",
    source: { path: Deno.execPath() },
    command: [
      "deno",
      "run",
      "--no-config",
      "--v8-flags=--perf-prof",
      "work.js",
    ],
    hot: /^(light|heavy|)$/,
    lines: LINES_IN_JS,
    findings: V8,
  },
  python("3.13", "perf_jit"),
  python("3.14", "perf_jit"),
  erlang("Erlang 25", bookworm("erlang-base"), "true"),
  erlang("Erlang 29", sid("erlang-base"), "true"),
  php("8.2", bookworm("php8.2-cli"), PHP_DUMP),
  php("8.4", trixie("php8.4-cli"), PHP_DUMP),
  postgres(15, bookworm("postgresql-15")),
  postgres(18, sid("postgresql-18", "postgresql-18-jit")),
  lli(14, bookworm("llvm-14")),
  lli(21, sid("llvm-21")),
  {
    name: "LLVM 21 llvm-jitlink",
    source: sid("llvm-21"),
    prepare: [[sid("llvm-21"), [
      "llc-21",
      "-filetype=obj",
      "-o",
      "work.o",
      "work.ll",
    ]]],
    command: ["llvm-jitlink-21", "-perf-support", "work.o"],
    hot: /^(light|heavy)$/,
    lines: LOOPS(3, 8, 9),
    findings: [
      "flags",
      "order of unwind info",
      "mapped size",
      "unwind info outside /tmp",
      "order of records",
      "late lines",
    ],
  },
  java(17, JDK),
  java(25, sid("openjdk-25-jre-headless")),
  qemu("QEMU", "-jitdump"),
  {
    name: "JavaScriptCore",
    source: sid("libjavascriptcoregtk-bin"),
    command: ["jsc", "work.js"],
    env: { JSC_useJITDump: "1", JSC_useSourceCodeDump: "1" },
    hot: /^(light|heavy|<global>)$/,
    lines: LINES_IN_JS,
    findings: JSC,
  },
  {
    name: "Bun",
    source: { npm: "bun", bin: "bun/bin/bun.exe" },
    command: ["bun", "work.js"],
    env: { BUN_JSC_useJITDump: "1" },
    hot: /^(light|heavy|\S*work\.js)$/,
    findings: JSC,
  },
  {
    name: "Node 22 map",
    source: nodePackage(22),
    command: ["node", "--perf-basic-prof", "work.js"],
    hot: /^(light|heavy|)$/,
  },
  python("3.13", "perf", " map"),
  erlang("Erlang 29 map", sid("erlang-base"), "map"),
  php("8.4", trixie("php8.4-cli"), PHP_MAP),
  {
    name: "OpenJDK 17 map",
    source: JDK,
    prepare: [[JDK, ["javac", "-g", "Work.java"]]],
    command: [
      "java",
      "-XX:+UnlockDiagnosticVMOptions",
      "-XX:+DumpPerfMapAtExit",
      "Work",
    ],
    hot: /^Work\.(light|heavy)$/,
  },
  qemu("QEMU map", "-perfmap"),
  {
    name: "Mono map",
    source: MONO,
    prepare: [[MONO, ["mcs", "Work.cs"]]],
    command: ["mono", "--jitmap", "Work.exe"],
    hot: /^Work:(Light|Heavy)( \(int\))?$/,
  },
];

/** Writers that no package contains, with the reason. */
export const UNAVAILABLE: Readonly<Record<string, string>> = {
  Dart: "Debian has none, and npm only the runtime of compiled programs",
};
