import {
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { type Sink, SINKS } from "../../src/file/record_sink.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { readLoads } from "../support/parse_dump.ts";
import { run } from "../support/perf.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";
import { runOnTmpfs, whyNotMount } from "../stress/full_disk.ts";

/** Returns a script that fills the disk, prints the error, and continues after `freeSpace`. */
const FILL = (
  dumps: string,
  sink: Sink,
  codeSize: number,
  freeSpace: string,
) => `
  import { JitDumpError, JitDumpFile } from "${MOD}";
  const dump = new JitDumpFile("${dumps}/some.dump", undefined, { sink: "${sink}" });
  if (dump.sink !== "${sink}") throw new Error(dump.sink);
  let count = 0;
  const dumpOne = () => {
    dump.dumpFunction({ name: "f" + count, code: new Uint8Array(${codeSize}) });
    count++;
  };
  for (const attempt of [1, 2]) {
    try {
      for (;;) dumpOne();
    } catch (error) {
      if (!(error instanceof JitDumpError)) throw error;
      const { code, message, syscall } = error;
      const { size } = Deno.statSync(dump.path);
      console.log(JSON.stringify({ code, message, syscall, count, size }));
    }
  }
  ${freeSpace}
  dumpOne();
  dump.close();
  console.log(JSON.stringify({ count }));
`;

/** The output of FILL for a failed call; for the last call, only `count`. */
interface Attempt {
  code: string;
  message: string;
  syscall: string;
  count: number;
  size: number;
}

/** Checks the output of FILL and its file. */
function checkAttempts(stdout: string, path: string, expectedCode: string) {
  const [first, second, last] = stdout.trim().split("\n")
    .map((line) => JSON.parse(line)) as Attempt[];
  assertEquals(first.code, expectedCode);
  assertMatch(first.syscall, /^p?writev?$/);
  assertStringIncludes(first.message, `"${path}"`);
  // The failed call was rolled back, so the next one fails at the same position.
  assertEquals(second, first);
  assertEquals(last.count, first.count + 1);
  const bytes = Deno.readFileSync(path);
  assertGreater(bytes.length, first.size);
  assertEquals(
    readLoads(path).map(({ name }) => name),
    Array.from({ length: last.count }, (_, i) => `f${i}`),
  );
}

const noMount = await whyNotMount();

const noPrlimit = await whyMissing("prlimit");

describe("a dump on a full disk", () => {
  for (
    const [sink, codeSize] of [
      ["append", 100],
      ["append", 70_000],
      ["mapped", 100],
      ["mapped", 70_000],
      ["mapped", 300_000],
    ] as const
  ) {
    itUnless(
      noMount,
      `rolls back a record when its ${codeSize} bytes of code do not fit in sink "${sink}"`,
      async () => {
        using directory = temporaryDirectory();
        const dumps = join(directory.path, "dumps");
        Deno.mkdirSync(dumps);
        const copy = join(directory.path, "copy");
        const script = scriptCommand(
          directory.path,
          `Deno.writeFileSync("${dumps}/filler", new Uint8Array(120_000));` +
            FILL(dumps, sink, codeSize, `Deno.removeSync("${dumps}/filler");`) +
            `Deno.copyFileSync(dump.path, "${copy}");`,
          ["--allow-all"],
        );
        const { stdout, stderr } = await runOnTmpfs(
          dumps,
          "size=400k",
          script,
        );
        assertEquals(stderr, "");
        checkAttempts(
          stdout.replaceAll(join(dumps, "some.dump"), copy),
          copy,
          "ENOSPC",
        );
      },
    );
  }
});

describe("a dump at its file size limit", () => {
  for (const sink of SINKS) {
    itUnless(
      noPrlimit,
      `rolls back a record when SIGXFSZ is ignored with sink "${sink}"`,
      async () => {
        using directory = temporaryDirectory();
        const script = scriptCommand(
          directory.path,
          FILL(
            directory.path,
            sink,
            1000,
            `await new Deno.Command("prlimit", {
             args: ["--pid", String(Deno.pid), "--fsize=unlimited"],
           }).output();`,
          ),
          ["--allow-all"],
        );
        const { stdout, stderr } = await run([
          "bash",
          "-c",
          `trap '' XFSZ; ulimit -S -f 64; exec "$@"`,
          "bash",
          ...script,
        ]);
        assertEquals(stderr, "");
        checkAttempts(stdout, join(directory.path, "some.dump"), "EFBIG");
      },
    );
  }
});
