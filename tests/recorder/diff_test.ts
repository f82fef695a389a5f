import { assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { diffProfiles } from "../../src/profile/diff.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { readProfile } from "../../src/profile/profiler.ts";
import { runOrThrow } from "../support/perf.ts";
import { projectDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** Argument of the demo for a third of its time. */
const SCALE = "300";

/** The call that a slower version of the program makes twice. */
const CALL = "result = result + coprime_pairs(200);";

/** Records the demo in a project, and reads the profile. */
async function record(project: string, name: string) {
  const out = join(project, name);
  await runOrThrow([
    ...[Deno.execPath(), "run", "--no-config", "--allow-all"],
    ...[join(ROOT, "src/cli/main.ts"), "record", "--frequency", "10000"],
    ...["--event", "cpu-clock:u", "--call-graph", "none", "--out", out, "--"],
    ...[Deno.execPath(), "run", "--no-config", "--allow-all"],
    ...[join(project, "demo/main.ts"), out, SCALE],
  ] as unknown as [string, ...string[]]);
  return await readProfile(join(out, "perf.data"));
}

/**
 * Returns the jitted functions with their shares of jitted code, because the time that Deno
 * needs to start differs.
 */
function jittedChanges(first: Profile, second: Profile) {
  const changes = diffProfiles(first, second)
    .filter(({ category }) => category === "jitted");
  const sumOf = (side: "shareBefore" | "shareAfter") =>
    changes.reduce((sum, change) => sum + change[side], 0);
  const [before, after] = [sumOf("shareBefore"), sumOf("shareAfter")];
  return changes.map(({ name, shareBefore, shareAfter }) => ({
    ...{ name, before: shareBefore / before, after: shareAfter / after },
  }));
}

/** Copies the demo to a directory. */
function copyDemo(project: string): void {
  Deno.mkdirSync(join(project, "demo"));
  for (const { name } of Deno.readDirSync(join(ROOT, "tests/demo"))) {
    const text = Deno.readTextFileSync(join(ROOT, "tests/demo", name));
    Deno.writeTextFileSync(
      join(project, "demo", name),
      text.replaceAll(`"../../mod.ts"`, `"../mod.ts"`),
    );
  }
}

describe("the difference of two recordings", () => {
  itWithRecorder(
    "is small for one program, and correct to 2 percentage points when a function becomes slower",
    async () => {
      using directory = projectDirectory();
      const { path } = directory;
      copyDemo(path);
      const first = await record(path, "first");
      const second = await record(path, "second");
      for (const { name, before, after } of jittedChanges(first, second)) {
        assertLess(Math.abs(after - before), 0.03, name);
      }
      const program = join(path, "demo/program.calc");
      const text = Deno.readTextFileSync(program);
      Deno.writeTextFileSync(program, text.replace(CALL, CALL + CALL));
      const changes = jittedChanges(second, await record(path, "slower"));
      const [gcd] = changes;
      assertEquals(gcd.name, "gcd");
      const pairs = changes.find(({ name }) => name === "coprime_pairs")!;
      // Both functions run for twice as long.
      const expected = 2 * gcd.before / (1 + gcd.before + pairs.before);
      assertAlmostEquals(gcd.after, expected, 0.02);
    },
  );
});
