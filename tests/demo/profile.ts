/**
 * `deno task demo`: runs the demo under perf and prints perf's report.
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

/** Directory of the dump, perf's recordings and the functions' ELF files. */
const DIRECTORY = ".demo";
const DATA = `${DIRECTORY}/perf.data`;
const INJECTED = `${DIRECTORY}/perf.jit.data`;

const DEMO: CommandLine = [
  Deno.execPath(),
  "run",
  "--allow-ffi",
  "--allow-read=tests/demo",
  `--allow-write=${DIRECTORY}`,
  "tests/demo/main.ts",
  DIRECTORY,
];

/** Prints a command, and runs it. Exits with its status if it fails. */
async function show(command: CommandLine): Promise<void> {
  const words = command.map((word) => word === Deno.execPath() ? "deno" : word);
  console.log(`\n$ ${words.join(" ")}`);
  const [program, ...args] = command;
  const { code } = await new Deno.Command(program, { args, stdin: "null" })
    .spawn().status;
  if (code !== 0) Deno.exit(code);
}

/** Returns the function with the most samples. */
async function hottestFunction(): Promise<string> {
  const { stdout } = await runOrThrow(
    reportCommand(INJECTED, "overhead,symbol", "--quiet"),
  );
  return stdout.match(/\[\.\] (\S+)/)![1];
}

countArguments(
  "Usage: deno task demo\n\n" +
    `Profiles a small JIT compiler with perf. Replaces the directory ${DIRECTORY}/.`,
  [],
);
await Deno.remove(DIRECTORY, { recursive: true }).catch((error) => {
  if (error instanceof Deno.errors.NotFound) return;
  console.error(`Remove ${DIRECTORY}/ first: ${error.message}`);
  Deno.exit(1);
});
await Deno.mkdir(DIRECTORY);

const reason = await whyPerfCannotRecord();
if (reason === undefined) {
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
  console.log(`The dump and perf's files are in ${DIRECTORY}/.`);
} else {
  console.log(`There is no profile, because ${reason}.`);
  await show(DEMO);
  console.log(`The dump is in ${DIRECTORY}/.`);
}
