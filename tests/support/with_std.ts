/**
 * Checks or runs the tests. Imports std from JSR, as `deno.json` specifies, or from npm
 * and Deno's built-ins (`std/import_map.json`) if JSR cannot be reached.
 *
 *     deno run --allow-all tests/support/with_std.ts check|test [OPTIONS] [FILES]
 *
 * The options are those of `deno check` or `deno test`. `--import-map=FILE` replaces both
 * sources of std.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);
const TESTS = "tests/";
const STAND_INS = "tests/support/std/";
const IMPORT_MAP = `${STAND_INS}import_map.json`;

/** Timeout after which JSR is considered unreachable. */
const JSR_TIMEOUT_MS = 30_000;

/** Paths of modules whose documentation has examples, which are tests too. */
const DOCUMENTED = ["mod.ts", "ffi/", "src/"];

/** Paths of the tests that take the longest, which start first to keep all processors busy. */
const LONG = ["tests/perf/", "tests/docs/readme_test.ts", "tests/stress/"];

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

/** Indicates whether the imports of the tests can be loaded as `deno.json` specifies. */
function isStdAvailable(): Promise<boolean> {
  const cancel = AbortSignal.timeout(JSR_TIMEOUT_MS);
  return deno(["cache", "--quiet", ...testFiles()], {
    stdout: "null",
    stderr: "null",
    signal: cancel,
  });
}

/** Returns the files of the tests, without the replacements of std. */
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
  console.error("JSR cannot be reached: the tests import std from npm.");
  return [`--import-map=${IMPORT_MAP}`];
}

/**
 * Returns the totals of a JUnit report as the last line of a run. The report lists groups
 * like tests; they are not counted.
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
    // A failure before or between the tests is not in the report.
    `${success ? 0 : Math.max(failed, 1)} failed`,
  ];
  if (skipped > 0) line.push(`${skipped} skipped`);
  return line.join(", ");
}

/** Indicates whether an argument is an existing file or directory. */
function isPath(arg: string): boolean {
  try {
    return Boolean(Deno.statSync(arg));
  } catch {
    return false;
  }
}

/**
 * Number of test files that run at the same time: one more than processors, because tests
 * that run perf also wait.
 */
const JOBS = Deno.env.get("DENO_JOBS") ??
  String(navigator.hardwareConcurrency + 1);

/**
 * Runs the tests, each file in a thread of one process. Does not check types, which takes as
 * long as many tests.
 */
async function test(args: string[]): Promise<boolean> {
  // Temporary files that a test has not removed are removed with this directory.
  const directory = await Deno.makeTempDir({ prefix: "jitdump-tests-" });
  const report = `${directory}/report.xml`;
  try {
    const files = args.some(isPath) ? [] : [...LONG, ...DOCUMENTED, TESTS];
    const success = await deno([
      "test",
      "--allow-all",
      "--no-check",
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
    "page/",
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
