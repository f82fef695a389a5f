import { assert, assertGreater } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { collapse } from "../../src/profile/collapsed.ts";
import { readProfile } from "../../src/profile/profiler.ts";
import { compileMixedFrames, whyNotCompiled } from "../support/compile_c.ts";
import { itUnless } from "../support/it_unless.ts";
import { runOrThrow } from "../support/perf.ts";
import { demoCommand } from "../support/profile.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const CLI = fromFileUrl(new URL("../../src/cli/main.ts", import.meta.url));

const DEMO = new URL("../demo/", import.meta.url).href;

/** A chain's frames, outermost first, and its share of the weight of all chains in percent. */
interface Chain {
  readonly names: readonly string[];
  readonly share: number;
}

/**
 * Records with copies of the stack, at a rate that does not fill the rings.
 *
 * @returns The chains whose innermost frame has one of the names.
 */
async function recordChains(
  directory: string,
  innermost: RegExp,
  options: readonly string[],
  command: readonly string[],
): Promise<Chain[]> {
  const out = join(directory, "recording");
  await runOrThrow([
    ...[Deno.execPath(), "run", "--no-config", "--allow-all", CLI, "record"],
    ...["--out", out, "--frequency", "999", "--event", "cpu-clock:u"],
    ...["--call-graph", "dwarf", ...options, "--", ...command],
  ] as [string, ...string[]]);
  const profile = await readProfile(join(out, "perf.data"));
  assertGreater(profile.samples, 300);
  const chains = [...collapse(profile)].map((line) => {
    const end = line.lastIndexOf(" ");
    return {
      names: line.slice(0, end).split(";").slice(1),
      weight: Number(line.slice(end + 1)),
    };
  }).filter(({ names }) => innermost.test(names.at(-1)!));
  const whole = chains.reduce((sum, { weight }) => sum + weight, 0);
  assertGreater(whole, profile.weight / 10);
  return chains.map(({ names, weight }) => ({
    names,
    share: 100 * weight / whole,
  }));
}

/** Checks that more than 98 % of chains have a property. */
function assertMost(
  chains: readonly Chain[],
  isRight: (names: readonly string[]) => boolean,
): void {
  const wrong = chains.filter(({ names }) => !isRight(names));
  const share = wrong.reduce((sum, { share }) => sum + share, 0);
  assertGreater(100 - share, 98, wrong[0]?.names.join("\n"));
}

/** Calls in `tests/demo/program.calc`, from `main` to each function. */
const JITTED_CHAIN =
  /^main(;longest_collatz(;collatz)?|;coprime_pairs(;gcd)?|(;fib)+|;polynomial_sum)?$/;

/** Matches a function of the demo. */
const JITTED =
  /^(main|collatz|longest_collatz|gcd|coprime_pairs|fib|polynomial_sum)$/;

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
  const places = [memory.subarray(0, code.length), memory.subarray(code.length)];
  const address = (bytes) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
  using dump = JitDumpFile.forProcess("${directory}");
  const indexes = functions.map(({ name, start, end, unwinding }) =>
    dump.dumpFunction({ name, code: places[0].subarray(start, end), unwinding })
  );
  const { start } = functions.find(({ name }) => name === "twice");
  const run = (place) =>
    new Deno.UnsafeFnPointer(
      Deno.UnsafePointer.of(place.subarray(start)),
      { parameters: ["i64"], result: "i64" },
    ).call(500_000_000n);
  function beforeMove() { run(places[0]); }
  function afterMove() { run(places[1]); }
  beforeMove();
  for (const [i, { start, end }] of functions.entries()) {
    dump.dumpCodeMoveRecord({
      codeIndex: indexes[i],
      oldAddress: address(places[0].subarray(start)),
      newAddress: address(places[1].subarray(start)),
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
      const chains = await recordChains(
        directory.path,
        JITTED,
        ["--v8", "--stack-size", "4096"],
        demoCommand(dumps),
      );
      assertMost(chains, (names) => {
        const first = names.findIndex((name) => JITTED.test(name));
        return JITTED_CHAIN.test(names.slice(first).join(";")) &&
          names.slice(0, first).some((name) =>
            /^(JS|Script):.*\/demo\/main\.ts/.test(name)
          );
      });
    },
  );

  itCompiled(
    "have all callers when the copy ends within a frame and the kernel's chain lacks frames",
    async () => {
      using directory = temporaryDirectory();
      const program = await compileMixedFrames(directory.path);
      const chains = await recordChains(
        directory.path,
        /^leaf$/,
        ["--stack-size", "4096"],
        [program, "60000"],
      );
      assertMost(
        chains,
        (names) => names.join(";").endsWith("main;outer;large;middle;leaf"),
      );
    },
  );

  itWithRecorder("are whole when jitted functions have moved", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const chains = await recordChains(
      path,
      /^spin$/,
      ["--v8", "--stack-size", "4096"],
      scriptCommand(path, MOVING(path), ["--no-check", "--allow-all"]),
    );
    for (const caller of ["beforeMove", "afterMove"]) {
      const own = chains.filter(({ names }) =>
        names.some((name) => name.includes(`${caller} `))
      );
      assert(own.reduce((sum, { share }) => sum + share, 0) > 30, caller);
    }
    assertMost(chains, (names) => {
      const chain = names.join(";");
      return chain.endsWith(";twice;spin") &&
        /;JS:\S*(before|after)Move /.test(chain);
    });
  });
});
