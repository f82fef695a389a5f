import { assert } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import {
  assertMost,
  chainsTo,
  DEMO_FUNCTION,
  hasJavaScript,
  hasJittedCallers,
} from "../support/call_chains.ts";
import { compileMixedFrames, whyNotCompiled } from "../support/compile_c.ts";
import { itUnless } from "../support/it_unless.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { runOrThrow } from "../support/perf.ts";
import { demoCommand } from "../support/profile.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const DEMO = new URL("../demo/", import.meta.url).href;

/** Records with copies of the stack, at a rate that does not fill the ring buffers. */
async function record(
  directory: string,
  options: readonly string[],
  command: readonly string[],
): Promise<string> {
  const out = join(directory, "recording");
  await runOrThrow(jitdumpCommand(
    ["--allow-all"],
    ...["record", "--out", out, "--frequency", "999"],
    ...["--event", "cpu-clock:u", "--call-graph", "dwarf"],
    ...[...options, "--", ...command],
  ));
  return join(out, "perf.data");
}

const uncompiled = await whyNotCompiled();

const itCompiled = uncompiled
  ? itUnless.bind(null, uncompiled)
  : itWithRecorder;

/** Returns a program whose functions move, and are called by two functions of JavaScript. */
const MOVING = (directory: string) => `
  import { JitDumpFile } from "${MOD}";
  import { compile } from "${DEMO}compile.ts";
  import { makeExecutable } from "${DEMO}executable_memory.ts";
  const { code, functions } = compile(
    "fn spin(n) { while n > 0 { n = n - 1; } return n; }" +
      "fn twice(n) { return spin(n) + spin(n); }",
    Deno.build.arch,
  );
  const memory = makeExecutable(new Uint8Array([...code, ...code]));
  const copies = [memory.subarray(0, code.length), memory.subarray(code.length)];
  const address = (bytes) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
  using dump = JitDumpFile.forProcess("${directory}");
  const indices = functions.map(({ name, start, end, unwinding }) =>
    dump.dumpFunction({ name, code: copies[0].subarray(start, end), unwinding })
  );
  const { start } = functions.find(({ name }) => name === "twice");
  const run = (copy) =>
    new Deno.UnsafeFnPointer(
      Deno.UnsafePointer.of(copy.subarray(start)),
      { parameters: ["i64"], result: "i64" },
    ).call(150_000_000n);
  function beforeMove() { run(copies[0]); }
  function afterMove() { run(copies[1]); }
  beforeMove();
  for (const [i, { start, end }] of functions.entries()) {
    dump.dumpCodeMoveRecord({
      codeIndex: indices[i],
      oldAddress: address(copies[0].subarray(start)),
      newAddress: address(copies[1].subarray(start)),
      codeSize: end - start,
    });
  }
  afterMove();
`;

describe("call chains that jitdump record has recorded", () => {
  itWithRecorder(
    "have each jitted caller and the JavaScript one when 4 KiB of the stack are copied",
    async () => {
      using directory = temporaryDirectory();
      const dumps = join(directory.path, "dumps");
      Deno.mkdirSync(dumps);
      const data = await record(
        directory.path,
        ["--v8", "--stack-size", "4096"],
        demoCommand(dumps),
      );
      const chains = await chainsTo(DEMO_FUNCTION, data);
      assertMost(98, chains, hasJittedCallers);
      assertMost(98, chains, hasJavaScript);
    },
  );

  itCompiled(
    "have all callers when the copy ends within a frame and the kernel's chain lacks frames",
    async () => {
      using directory = temporaryDirectory();
      const program = await compileMixedFrames(directory.path);
      const data = await record(
        directory.path,
        ["--stack-size", "4096"],
        [program, "25000"],
      );
      assertMost(
        98,
        await chainsTo(/^leaf$/, data),
        (names) => names.join(";").endsWith("main;outer;large;middle;leaf"),
      );
    },
  );

  itWithRecorder("are complete when jitted functions have moved", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const data = await record(
      path,
      ["--v8", "--stack-size", "4096"],
      scriptCommand(path, MOVING(path), ["--no-check", "--allow-all"]),
    );
    const chains = await chainsTo(/^spin$/, data);
    for (const caller of ["beforeMove", "afterMove"]) {
      const own = chains.filter(({ names }) =>
        names.some((name) => name.includes(`${caller} `))
      );
      assert(own.reduce((sum, { share }) => sum + share, 0) > 30, caller);
    }
    assertMost(98, chains, (names) => {
      const chain = names.join(";");
      return chain.endsWith(";twice;spin") &&
        /;JS:\S*(before|after)Move /.test(chain);
    });
  });
});
