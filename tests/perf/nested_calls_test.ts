import { assertGreater } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { untieredName } from "../../src/engines.ts";
import { collapse } from "../../src/profile/collapsed.ts";
import { readProfile } from "../../src/profile/profiler.ts";
import { perfProfFlags } from "../../src/v8.ts";
import { itUnless } from "../support/it_unless.ts";
import { recordCommand, runOrThrow } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const PROGRAM = fromFileUrl(new URL("nested_calls.ts", import.meta.url));

/** Samples in a second of CPU time. */
const FREQUENCY = 999;

/** Matches the names of the program's functions. */
const NAMES =
  /^(?:JS|Script):\S*?(caller|callbackMiddle|callbackInner) |^(jit_\w+)$/;

/** The whole chain, outermost function first. */
const WHOLE =
  "caller jit_outer callbackMiddle jit_middle callbackInner jit_inner";

/** The module's own code, which has no name: `caller` may be inlined into it. */
const MODULE = /^(?:JS|Script): file:\S*nested_calls\.ts/;

/** The program's part of a chain; a function that was inlined into its caller counts. */
function partOf(chain: string[]): string {
  return chain.flatMap((name, i) => {
    const [, script, jitted] = NAMES.exec(name) ?? [];
    const isModule = MODULE.test(untieredName(name)) &&
      !chain.slice(i + 1).some((next) =>
        / file:/.test(next) && /\bcaller /.test(next)
      );
    return script ?? jitted ?? (isModule ? "caller" : []);
  }).join(" ");
}

const test = Deno.build.arch === "x86_64"
  ? itWithPerf
  : itUnless.bind(null, "the program is for x86-64");

describe("the chains of JavaScript and jitted code that call each other", () => {
  for (
    const [way, calls] of [
      ["pointer", "Deno.UnsafeFnPointer"],
      ["symbol", "a symbol of Deno.dlopen"],
    ] as const
  ) {
    test(`are those of the program when JavaScript calls ${calls}`, async () => {
      using directory = temporaryDirectory();
      const data = join(directory.path, "perf.data");
      const v8 = join(directory.path, "v8");
      Deno.mkdirSync(v8);
      await runOrThrow(recordCommand(
        data,
        [
          ...[Deno.execPath(), "run", "--no-config", "--no-check"],
          ...["--allow-all", `--v8-flags=${perfProfFlags(v8)}`],
          ...[PROGRAM, directory.path, way],
        ] as [string, ...string[]],
        ...["-F", `${FREQUENCY}`, "-m", "32M", "--call-graph", "dwarf,65000"],
      ));
      let whole = 0;
      let jitted = 0;
      let wrong = "";
      for (const line of collapse(await readProfile(data))) {
        const at = line.lastIndexOf(" ");
        const weight = Number(line.slice(at + 1));
        const chain = line.slice(0, at).split(";");
        const innermost = chain.at(-1)!;
        if (!/^jit_/.test(innermost)) continue;
        jitted += weight;
        const end = WHOLE.indexOf(innermost) + innermost.length;
        if (partOf(chain) === WHOLE.slice(0, end)) whole += weight;
        else wrong = `${partOf(chain)}\n${line}`;
      }
      assertGreater(jitted, 100 * 1e9 / FREQUENCY);
      assertGreater(100 * whole / jitted, 95, wrong);
    });
  }
});
