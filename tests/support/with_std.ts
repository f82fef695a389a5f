/**
 * Checks or runs the tests, with std from JSR as `deno.json` names it, or,
 * where JSR cannot be reached, with the same names from npm and Deno's
 * built-ins (`std/import_map.json`).
 *
 *     deno run --allow-all tests/support/with_std.ts check|test [OPTIONS and FILES of it]
 *
 * With `--import-map=FILE` among the options, std comes from where that says.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);
const TESTS = "tests/";
const STAND_INS = "tests/support/std/";
const IMPORT_MAP = `${STAND_INS}import_map.json`;

/** After this long without an answer JSR counts as out of reach. */
const PATIENCE_MS = 30_000;

/** What runs besides the files under `tests/`: the examples in the documentation. */
const DOCUMENTED = ["mod.ts", "ffi/", "src/"];

async function deno(
  args: string[],
  options: Deno.CommandOptions = {},
): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    stdin: "null",
    ...options,
  });
  return (await command.spawn().status).success;
}

/** Whether what the tests import can be had as `deno.json` names it. */
function isStdAvailable(): Promise<boolean> {
  const cancel = AbortSignal.timeout(PATIENCE_MS);
  return deno(["cache", "--quiet", ...testFiles()], {
    stdout: "null",
    stderr: "null",
    signal: cancel,
  });
}

/** The tests' own files: all but those that stand for std where JSR is missing. */
function testFiles(directory = TESTS): string[] {
  return Array.from(Deno.readDirSync(new URL(directory, ROOT)))
    .flatMap(({ name, isDirectory }) => {
      const path = directory + name;
      if (isDirectory) {
        return `${path}/` === STAND_INS ? [] : testFiles(`${path}/`);
      }
      return name.endsWith(".ts") ? [path] : [];
    });
}

async function stdOptions(args: string[]): Promise<string[]> {
  if (args.some((arg) => arg.startsWith("--import-map"))) return [];
  if (await isStdAvailable()) return [];
  console.error("JSR is out of reach: the tests take std from npm.");
  return [`--import-map=${IMPORT_MAP}`];
}

/**
 * The numbers of a JUnit report, as the line that closes a run. Groups of tests
 * stand in the report like tests; they do not count.
 */
function summarize(report: string, success: boolean): string {
  const cases = [
    ...report.matchAll(/<testcase name="([^"]*)"(.*?)<\/testcase>/gs),
  ];
  const groups = new Set(
    cases.map(([, name]) => name.slice(0, name.lastIndexOf(" &gt; "))),
  );
  const tests = cases.filter(([, name]) => !groups.has(name));
  const failed = tests.filter(([, , body]) => body.includes("<failure")).length;
  const skipped =
    tests.filter(([, , body]) => body.includes("<skipped")).length;
  const line = [
    `${tests.length - failed - skipped} passed`,
    // What fails before or between the tests stands in no report.
    `${success ? 0 : Math.max(failed, 1)} failed`,
  ];
  if (skipped > 0) line.push(`${skipped} skipped`);
  return line.join(", ");
}

/** Whether an argument is a file or directory to test, and no option's value. */
function isPath(arg: string): boolean {
  try {
    return Boolean(Deno.statSync(arg));
  } catch {
    return false;
  }
}

/**
 * Number of test files that run at once. One more than there are processors: tests that
 * run perf also wait.
 */
const JOBS = Deno.env.get("DENO_JOBS") ??
  String(navigator.hardwareConcurrency + 1);

/** Files run in threads of one process, so tests count only what is theirs. */
async function test(args: string[]): Promise<boolean> {
  // All that the tests leave in temporary places goes with this directory.
  const directory = await Deno.makeTempDir({ prefix: "jitdump-tests-" });
  const report = `${directory}/report.xml`;
  try {
    const files = args.some(isPath) ? [] : [...DOCUMENTED, TESTS];
    const success = await deno([
      "test",
      "--allow-all",
      "--doc",
      "--parallel",
      `--junit-path=${report}`,
      ...await stdOptions(args),
      ...args,
      ...files,
    ], { env: { TMPDIR: directory, DENO_JOBS: JOBS } });
    const cases = await Deno.readTextFile(report).catch(() => "");
    console.log(summarize(cases, success));
    return success;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function check(args: string[]): Promise<boolean> {
  const options = await stdOptions(args);
  return await deno([
    "check",
    "--doc",
    ...options,
    ...args,
    ...DOCUMENTED,
    ...testFiles(),
    ...(options.length > 0 ? [STAND_INS] : []),
  ]);
}

const [command, ...args] = Deno.args;
const commands: Record<string, (args: string[]) => Promise<boolean>> = {
  check,
  test,
};
if (!commands[command]) {
  console.error("usage: with_std.ts check|test [OPTIONS]");
  Deno.exit(2);
}
Deno.exit(await commands[command](args) ? 0 : 1);
