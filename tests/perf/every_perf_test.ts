import { assert, assertEquals, assertGreater } from "@std/assert";
import { describe } from "@std/testing/bdd";
import { compile } from "../demo/compile.ts";
import { itUnless } from "../support/it_unless.ts";
import { once } from "../support/once.ts";
import {
  by,
  type CommandLine,
  injectCommand,
  isInstalled,
  runOrThrow,
} from "../support/perf.ts";
import { PerfReplay } from "../support/perf_replay.ts";
import {
  installedPerfs,
  oldestOf,
  type Perf,
  since,
} from "../support/perfs.ts";
import { demoCommand, type Profile, profileWith } from "../support/profile.ts";
import { reportSamples, samplesByLine } from "../support/report_samples.ts";
import { MOD, scriptCommand } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const DEMO = new URL("../demo/", import.meta.url).href;

/** `perf` itself, which the other tests use, and the other installed versions. */
const [OWN, ...OTHERS] = await isInstalled("perf")
  ? await installedPerfs()
  : [];
const EVERY = OWN ? [OWN, ...OTHERS] : [];

/** Profiles with the oldest perf, whose recordings all others read. */
const profileByOldest = (makeCommand: (directory: string) => CommandLine) =>
  profileWith(oldestOf(EVERY).program, makeCommand);

/** Registers a test for each perf, which is ignored if `whyNot` returns a reason. */
function itWithEach(
  perfs: readonly Perf[],
  name: string,
  fn: (perf: Perf) => Promise<void>,
  whyNot: (perf: Perf) => string | undefined = () => undefined,
): void {
  if (perfs.length === 0) {
    itUnless("no other perf is installed", name, () => {});
  }
  for (const perf of perfs) {
    const named = `${name}, under perf ${perf.version}`;
    const reason = whyNot(perf);
    if (reason === undefined) itWithPerf(named, () => fn(perf));
    else itUnless(reason, named, () => {});
  }
}

/** Injects a recording's dump with a perf; returns the numbers of samples by `fields`. */
async function samplesBy(
  perf: Perf,
  { injected }: Profile,
  fields: string,
): Promise<Map<string, number>> {
  const data = injected.replace("jit.data", "data");
  const own = `${injected}.${perf.version}`;
  await runOrThrow(by(perf.program, injectCommand(data, own)));
  return await reportSamples(perf.program, own, fields);
}

describe("the demo", () => {
  const demo = once(() => profileByOldest(demoCommand));
  const program = new URL("program.calc", DEMO);

  itWithEach(
    OTHERS,
    "has each sample under its function and line when perf reports",
    async (perf) => {
      const { functions } = compile(
        Deno.readTextFileSync(program),
        Deno.build.arch,
      );
      const profiled = await demo();
      const expected = samplesByLine(profiled, functions);
      assertGreater(expected.size, 20);
      const found = await samplesBy(perf, profiled, "symbol,srcline");
      for (const [line, samples] of expected) {
        assertEquals(found.get(line), samples, line);
      }
    },
  );
});

/** Returns a program that runs two functions at one address, one after the other. */
const MOVER = (directory: string, hasMove: boolean) => `
  import { JitDumpFile } from "${MOD}";
  import { compile } from "${DEMO}compile.ts";
  import { makeExecutable } from "${DEMO}executable_memory.ts";
  const { code } = compile(
    "fn spin(n) { while n > 0 { n = n - 1; } return n; }",
    Deno.build.arch,
  );
  const memory = makeExecutable(new Uint8Array([...code, ...code]));
  const first = memory.subarray(0, code.length);
  const second = memory.subarray(code.length);
  using dump = JitDumpFile.forProcess("${directory}");
  const run = (code, count) =>
    new Deno.UnsafeFnPointer(
      Deno.UnsafePointer.of(code),
      { parameters: ["i64"], result: "i64" },
    ).call(count);
  const address = (code) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(code));
  const codeIndex = dump.dumpFunction({ name: "mover", code: first });
  dump.dumpFunction({ name: "early", code: second });
  run(second, 100_000_000n);
  if (${hasMove}) {
    dump.dumpCodeMoveRecord({
      codeIndex,
      oldAddress: address(first),
      newAddress: address(second),
      codeSize: second.length,
    });
  } else {
    dump.dumpFunction({ name: "mover", code: second });
  }
  run(second, 300_000_000n);
`;

describe("a function at the address of an earlier one", () => {
  const recorded = (hasMove: boolean) =>
    once(() =>
      profileByOldest((directory) =>
        scriptCommand(directory, MOVER(directory, hasMove), ["--allow-all"])
      )
    );
  /** Asserts that "mover" has about three times as many samples as "early". */
  const assertShares = (samples: ReadonlyMap<string, number>) => {
    const [early, mover] = ["early", "mover"].map((name) => samples.get(name)!);
    assertGreater(early, 50);
    assertGreater(mover, 2 * early);
    assert(mover < 4 * early, `${mover} and ${early}`);
  };
  const again = recorded(false);
  const moved = recorded(true);

  itWithEach(
    EVERY,
    "has its samples when it is recorded again",
    async (perf) => {
      assertShares(await samplesBy(perf, await again(), "symbol"));
    },
  );

  itWithEach(
    OTHERS,
    "has its samples when it has a JIT_CODE_MOVE",
    async (perf) =>
      assertShares(await samplesBy(perf, await moved(), "symbol")),
    since("7.0", "crashes on a JIT_CODE_MOVE"),
  );
});

describe("perf record --call-graph dwarf, of functions without frame pointers", () => {
  const recorded = (directory?: string) =>
    once(async () => {
      const replay = await PerfReplay.ofChain(directory);
      addEventListener("unload", () => replay[Symbol.dispose]());
      return { replay, dump: Deno.readFileSync(replay.dump) };
    });
  const inTmp = recorded("/tmp");
  const elsewhere = recorded();
  const assertWhole = async (
    perf: Perf,
    { replay, dump }: { replay: PerfReplay; dump: Uint8Array },
  ) => {
    await replay.inject(perf, dump);
    const chains = await replay.chains(perf);
    const ofSpin = chains.filter(([innermost]) => innermost === "spin");
    assertGreater(ofSpin.length, 10);
    for (const [, caller] of ofSpin) assertEquals(caller, "main");
  };

  itWithEach(
    EVERY,
    "has complete chains when the dump is directly in /tmp",
    async (perf) => await assertWhole(perf, await inTmp()),
  );

  itWithEach(
    OTHERS,
    "has complete chains when the dump is elsewhere",
    async (perf) => await assertWhole(perf, await elsewhere()),
    since("7.0", "finds .eh_frame only in images directly in /tmp"),
  );
});
