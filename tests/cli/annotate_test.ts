import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { DumpBuilder, type Entry } from "../support/build_dump.ts";
import { RecordingBuilder, START } from "../support/build_recording.ts";
import { itUnless } from "../support/it_unless.ts";
import { isInstalled, run } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";

const CLI = fromFileUrl(new URL("../../src/cli/main.ts", import.meta.url));

const noObjdump = await isInstalled("objdump")
  ? undefined
  : "binutils is not installed";

const AT = 0x7000_0000;
const SIZE = 0x10;

/** The functions of the recording, with the offsets of their samples. */
const FUNCTIONS: [name: string, samples: number[]][] = [
  ["w:fib/1", [0, 3, 3, 3]],
  ["fib_helper", [0, 0]],
  ["JIT$fib", [1]],
  ["idle", []],
  ["JS:*'hot /a.js:1:1", [0, 0, 0, 0, 0]],
];

/** Writes the recording and its dump; the first function has two lines in three entries. */
function writeRecording(directory: string): void {
  const source = join(directory, "fib.calc");
  Deno.writeTextFileSync(source, "fn fib(n) {\n  return n\n}\n");
  const dump = new DumpBuilder();
  const recording = new RecordingBuilder();
  const code = new Uint8Array(SIZE).fill(0x90);
  for (const [i, [name]] of FUNCTIONS.entries()) {
    const address = BigInt(AT + i * SIZE);
    const lines: Entry[] = [
      [address, 1, source],
      [address + 2n, 2, source],
      [address + 3n, 2, source],
    ];
    if (i === 0) dump.debugInfo(address, lines, START);
    dump.load({ name, address, code, time: START, index: BigInt(i) });
  }
  const path = join(directory, "jit-7.dump");
  Deno.writeFileSync(path, dump.bytes);
  recording.mapDump(path);
  for (const [i, [, samples]] of FUNCTIONS.entries()) {
    for (const offset of samples) {
      recording.sample(AT + i * SIZE + offset, { period: 1e6 });
    }
  }
  Deno.writeFileSync(join(directory, "perf.data"), recording.file());
}

async function annotate(...args: string[]) {
  using directory = temporaryDirectory();
  writeRecording(directory.path);
  const { code, stdout, stderr } = await run([
    ...[Deno.execPath(), "run", "--no-config", "--no-prompt", "--allow-read"],
    ...["--allow-run=objdump", "--allow-write", "--allow-env=TMPDIR"],
    ...[CLI, "report", directory.path, ...args],
  ] as unknown as [string, ...string[]]);
  return { code, stdout: stdout.replaceAll(directory.path, ""), stderr };
}

/** Returns the names of the functions that are shown. */
const namesIn = (stdout: string) =>
  Array.from(stdout.matchAll(/^(\S.*): [\d.]+% self/gm), ([, name]) => name);

describe("jitdump report --annotate", () => {
  itUnless(
    noObjdump,
    "shows the hottest jitted function and each line once when nothing is named",
    async () => {
      const { code, stdout, stderr } = await annotate("--annotate");
      assertEquals(code, 0, stderr);
      const lines = stdout.split("\n").map((line) =>
        line.replace(/\s+/g, " ").trim()
      );
      assertEquals(lines.slice(0, 7), [
        "w:fib/1: 33.33% self, 4.0 ms, 16 bytes at 0x70000000, code index 0",
        "25.00% /fib.calc:1 fn fib(n) {",
        "25.00% 70000000: 90 nop",
        "70000001: 90 nop",
        "75.00% /fib.calc:2 return n",
        "70000002: 90 nop",
        "75.00% 70000003: 90 nop",
      ]);
      assertEquals(lines.filter((line) => line.includes("fib.calc")).length, 2);
    },
  );

  for (
    const [text, names] of [
      ["fib", ["w:fib/1", "JIT$fib"]],
      ["fib_.*", ["fib_helper"]],
      ["fi", ["w:fib/1", "fib_helper", "JIT$fib"]],
      ["JS:*'hot /a.js:1:1", ["JS:*'hot /a.js:1:1"]],
      ["hot", ["JS:*'hot /a.js:1:1"]],
    ] as [string, string[]][]
  ) {
    itUnless(
      noObjdump,
      `shows ${names.join(" and ")} when ${text} is named`,
      async () => {
        const { stdout } = await annotate("--annotate", text);
        assertEquals(namesIn(stdout), names);
      },
    );
  }

  itUnless(
    noObjdump,
    "shows as many functions as --limit requests when more match",
    async () => {
      const { stdout } = await annotate("--annotate", "f", "--limit", "1");
      assertEquals(namesIn(stdout), ["w:fib/1"]);
      assertMatch(stdout, /^2 more \(--limit NUMBER shows them\)$/m);
    },
  );

  itUnless(
    noObjdump,
    "fails when no function with samples matches",
    async () => {
      const idle = await annotate("--annotate", "idle");
      assertEquals([idle.code, idle.stdout], [1, ""]);
      assertMatch(idle.stderr, /no function with samples matches "idle"/);
      const typo = await annotate("--annotate", "fbi");
      assertMatch(typo.stderr, /matches "fbi"; did you mean \S*fib\S*\?/);
      const invalid = await annotate("--annotate=(");
      assertEquals([invalid.code, invalid.stdout], [2, ""]);
      assertMatch(invalid.stderr, /--annotate: Invalid regular expression/);
    },
  );
});
