import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertMatch,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { jitdumpCommand } from "../support/jitdump.ts";
import { once } from "../support/once.ts";
import { run, runOrThrow } from "../support/perf.ts";
import { installedPerfs } from "../support/perfs.ts";
import { demoCommand } from "../support/profile.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const jitdump = (...args: string[]) =>
  runOrThrow(jitdumpCommand(["--allow-all"], ...args));

/** Options that exclude the kernel. */
const USER_CODE = ["--event", "cpu-clock:u"];

/** Records the demo; returns the directories of the recording and of the dump. */
async function recordDemo(directory: string, ...options: string[]) {
  const recording = join(directory, "recording");
  const dumps = join(directory, "dumps");
  Deno.mkdirSync(dumps);
  await jitdump(
    "record",
    ...["--out", recording, ...options, "--", ...demoCommand(dumps)],
  );
  return { recording, dumps };
}

/** Self shares in percent, by name, in the JSON of a report. */
function sharesIn(json: string): Map<string, number> {
  const { functions, weight } = JSON.parse(json);
  const shares = new Map<string, number>();
  for (const { name, self } of functions) {
    shares.set(name, (shares.get(name) ?? 0) + 100 * self / weight);
  }
  return shares;
}

/** Records the demo, and reads the shares from the report. */
async function recordAndReport(callGraph: string) {
  const directory = Deno.makeTempDirSync({ prefix: "jitdump-recorder-" });
  addEventListener(
    "unload",
    () => Deno.removeSync(directory, { recursive: true }),
  );
  // The symbols of the kernel, which take half of the time, are in one recording.
  const event = callGraph === "fp" ? [] : USER_CODE;
  const { recording } = await recordDemo(
    directory,
    ...["--call-graph", callGraph, ...event],
  );
  const { stdout } = await jitdump("report", "--json", recording);
  return { data: join(recording, "perf.data"), shares: sharesIn(stdout) };
}

const perfs = await installedPerfs();

describe("a recording of jitdump record", () => {
  for (const callGraph of ["fp", "none", "dwarf"]) {
    const recorded = once(() => recordAndReport(callGraph));
    for (const { program, version } of perfs) {
      itWithRecorder(
        `has the same shares when perf ${version} reports it, with --call-graph ${callGraph}`,
        async () => {
          using directory = temporaryDirectory();
          const { data, shares } = await recorded();
          const injected = join(directory.path, "injected");
          const outcomes = [
            // On a busy machine, perf 6.12 warns that addr2line is slow.
            await runOrThrow([program, "script", "--no-inline", "-i", data]),
            await runOrThrow([
              program,
              ...["--buildid-dir", join(directory.path, "debug")],
              ...["inject", "--jit", "-i", data, "-o", injected],
            ]),
            await runOrThrow([
              program,
              ...["report", "-i", injected, "--stdio", "--quiet"],
              ...["--no-inline", "--no-children", "-g", "none", "-t", ";"],
              ...["-F", "overhead,symbol"],
            ]),
          ];
          for (const { stderr } of outcomes) assertEquals(stderr, "");
          const header = await runOrThrow([
            program,
            ...["report", "-i", data, "--header-only"],
          ]);
          assertEquals(header.stderr, "");
          assertMatch(header.stdout, /total memory : \d{5,} kB/);
          assertMatch(header.stdout, /reference time: 20\d\d-/);
          let compared = 0;
          const theirs = outcomes[2].stdout.matchAll(
            /^\s*([\d.]+)% *;\[.\] (\w+)\s*$/gm,
          );
          for (const [, percent, name] of theirs) {
            if (Number(percent) < 2) continue;
            assertAlmostEquals(shares.get(name) ?? 0, Number(percent), 0.01);
            compared++;
          }
          assertGreater(compared, 3);
        },
      );
    }
  }

  itWithRecorder(
    "has the same report when it is copied and the program's files are removed",
    async () => {
      using directory = temporaryDirectory();
      const { recording, dumps } = await recordDemo(
        directory.path,
        ...USER_CODE,
      );
      const before = await jitdump("report", "--json", recording);
      const copy = join(directory.path, "copy");
      await runOrThrow(["cp", "-r", recording, copy]);
      Deno.removeSync(recording, { recursive: true });
      Deno.removeSync(dumps, { recursive: true });
      const after = await jitdump("report", "--json", copy);
      assertEquals(after.stdout, before.stdout);
      assert(sharesIn(after.stdout).get("collatz")! > 10);
    },
  );

  it("needs no perf when it is recorded and reported", async () => {
    using directory = temporaryDirectory();
    const bin = join(directory.path, "bin");
    Deno.mkdirSync(bin);
    const { code, stdout, stderr } = await run(
      jitdumpCommand(
        ["--allow-all"],
        ...["record", "--out", join(directory.path, "recording")],
        ...[...USER_CODE, "--"],
        ...demoCommand(directory.path),
      ),
      { env: { PATH: bin } },
    );
    assertEquals(code, 0, stderr);
    assert(/jitted +collatz/.test(stdout), stdout);
  });
});
