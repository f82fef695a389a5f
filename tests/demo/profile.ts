/**
 * `deno task demo`: records the demo, prints the report and the hottest function, and writes
 * the page. If perf can record, its report follows.
 *
 *     deno task demo [SCALE]
 *
 * @module
 */

import { countArguments } from "../support/count_arguments.ts";
import {
  annotateCommand,
  type CommandLine,
  injectCommand,
  isInstalled,
  recordCommand,
  reportCommand,
  runOrThrow,
  whyPerfCannotRecord,
} from "../support/perf.ts";

/** Directory of the dumps, the recordings, the page and the functions' ELF files. */
const DIRECTORY = ".demo";

/** Directory of the recording of jitdump. */
const RECORDING = `${DIRECTORY}/jitdump-profile`;
const PAGE = `${DIRECTORY}/report.html`;

const DATA = `${DIRECTORY}/perf.data`;
const INJECTED = `${DIRECTORY}/perf.jit.data`;

const [scale] = countArguments(
  "Usage: deno task demo [SCALE]\n\n" +
    `Profiles a small JIT compiler with perf. Replaces the directory ${DIRECTORY}/.\n` +
    "SCALE multiplies the time of the run; it defaults to 1000, about two seconds.",
  [1000],
);

const DEMO: CommandLine = [
  Deno.execPath(),
  "run",
  "--allow-ffi",
  "--allow-read=tests/demo",
  `--allow-write=${DIRECTORY}`,
  "tests/demo/main.ts",
  DIRECTORY,
  `${scale}`,
];

const jitdump = (...args: string[]): CommandLine => [
  Deno.execPath(),
  ...["run", "--allow-all", "src/cli/main.ts", ...args],
];

/** Prints a command, and runs it. Exits with its status if it fails. */
async function show(command: CommandLine): Promise<void> {
  const code = await tryShow(command);
  if (code !== 0) Deno.exit(code);
}

/** Prints a command, runs it, and returns its status. */
async function tryShow(command: CommandLine): Promise<number> {
  const words = command.map((word) => word === Deno.execPath() ? "deno" : word);
  console.log(`\n$ ${words.join(" ")}`);
  const [program, ...args] = command;
  const { code } = await new Deno.Command(program, { args, stdin: "null" })
    .spawn().status;
  return code;
}

/** Records and reports without perf; returns whether that is possible. */
async function showOurs(): Promise<boolean> {
  const options = ["--out", RECORDING, "--html", PAGE];
  if (await tryShow(jitdump("record", ...options, "--", ...DEMO)) !== 0) {
    return false;
  }
  if (await isInstalled("objdump")) {
    await show(jitdump("report", RECORDING, "--annotate"));
  } else {
    console.log("--annotate needs objdump: install the package binutils.");
  }
  console.log(
    `\nThe page with the flame graph is ${PAGE}: open it in a browser.`,
  );
  return true;
}

/** Returns the function with the most samples. */
async function hottestFunction(): Promise<string> {
  const { stdout } = await runOrThrow(
    reportCommand(INJECTED, "overhead,symbol", "--quiet"),
  );
  return stdout.match(/\[\.\] (\S+)/)![1];
}

await Deno.remove(DIRECTORY, { recursive: true }).catch((error) => {
  if (error instanceof Deno.errors.NotFound) return;
  console.error(`Remove ${DIRECTORY}/ first: ${error.message}`);
  Deno.exit(1);
});
await Deno.mkdir(DIRECTORY);

const isRecorded = await showOurs();
const reason = await whyPerfCannotRecord();
if (reason === undefined) {
  console.log("\nThe same with perf:");
  await show(recordCommand(DATA, DEMO));
  await show(injectCommand(DATA, INJECTED));
  await show(
    reportCommand(INJECTED, "overhead,symbol,dso", "--percent-limit", "0.1"),
  );
  if (await isInstalled("objdump")) {
    await show(annotateCommand(INJECTED, await hottestFunction()));
  } else {
    console.log("perf annotate needs objdump: install the package binutils.");
  }
  console.log(`The dumps, the page and perf's files are in ${DIRECTORY}/.`);
} else {
  console.log(`There is no profile by perf, because ${reason}.`);
  if (!isRecorded) await show(DEMO);
  console.log(`The dump is in ${DIRECTORY}/.`);
}
