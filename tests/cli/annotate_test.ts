import { assertEquals, assertMatch } from "@std/assert";

import { describe } from "@std/testing/bdd";
import { writeRecording } from "../support/jitted_recording.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { jitdump } from "../support/jitdump.ts";
import { temporaryDirectory } from "../support/script.ts";

const noObjdump = await whyMissing("objdump");

async function annotate(...args: string[]) {
  using directory = temporaryDirectory();
  writeRecording(directory.path);
  const { code, stdout, stderr } = await jitdump(
    ["report", directory.path, ...args],
    [
      ...["--allow-read", "--allow-run=objdump", "--allow-write"],
      "--allow-env=TMPDIR",
    ],
  );
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
    "exits with 1 when no function with samples matches",
    async () => {
      const idle = await annotate("--annotate", "idle");
      assertEquals([idle.code, idle.stdout], [1, ""]);
      assertMatch(idle.stderr, /no function with samples matches "idle"/);
      const typo = await annotate("--annotate", "fbi");
      assertMatch(typo.stderr, /matches "fbi"; did you mean \S*fib\S*\?/);
    },
  );

  itUnless(noObjdump, "exits with 2 when the pattern is invalid", async () => {
    const { code, stdout, stderr } = await annotate("--annotate=(");
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, /--annotate: Invalid regular expression/);
  });
});
