/**
 * Programs that the tests run under perf.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type ParsedFunction, readFunctions } from "./parse_dump.ts";
import {
  by,
  type CommandLine,
  injectCommand,
  recordCommand,
  runOrThrow,
} from "./perf.ts";

/** Offset of the code in perf's ELF files of functions: GEN_ELF_TEXT_OFFSET. */
export const TEXT_OFFSET = 0x80;

/** The outcome of a run under perf, before and after `perf inject`. */
export interface Profile {
  /** The output of the program. */
  stdout: string;
  /** The functions of the dump. */
  functions: ParsedFunction[];
  /** The address of each sample before `perf inject`. */
  addresses: bigint[];
  /** Path of the recording after `perf inject`. */
  injected: string;
  directory: string;
  pid: number;
}

const DEMO = fromFileUrl(new URL("../demo/main.ts", import.meta.url));

/** Argument with which the demo runs for half a second; all its functions get samples. */
const SHORT = "250";

/**
 * Returns a command that runs the demo with its dump in a directory.
 *
 * @param scale Multiplies the time of the run. Defaults to half a second.
 */
export const demoCommand = (
  directory: string,
  scale = SHORT,
): CommandLine => [
  Deno.execPath(),
  "run",
  "--allow-ffi",
  "--allow-read",
  `--allow-write=${directory}`,
  DEMO,
  directory,
  scale,
];

/**
 * Records a program that writes its dump to the directory that `makeCommand` gets. The
 * directory is removed when the tests end.
 */
export function profile(
  makeCommand: (directory: string) => CommandLine,
  ...options: string[]
): Promise<Profile> {
  return profileWith("perf", makeCommand, ...options);
}

/** Does the same as {@linkcode profile}, with another perf. */
export async function profileWith(
  perf: string,
  makeCommand: (directory: string) => CommandLine,
  ...options: string[]
): Promise<Profile> {
  const directory = Deno.makeTempDirSync({ prefix: "jitdump-perf-" });
  addEventListener(
    "unload",
    () => Deno.removeSync(directory, { recursive: true }),
  );
  const data = join(directory, "perf.data");
  const injected = join(directory, "perf.jit.data");
  const { stdout } = await runOrThrow(
    by(perf, recordCommand(data, makeCommand(directory), ...options)),
  );
  const script = await runOrThrow([
    perf,
    "script",
    ...["-i", data],
    ...["-G", "-F", "ip"],
  ]);
  await runOrThrow(by(perf, injectCommand(data, injected)));
  const [dump, ...others] = [...Deno.readDirSync(directory)]
    .filter(({ name }) => name.endsWith(".dump"));
  assertEquals(others, []);
  return {
    stdout,
    functions: readFunctions(join(directory, dump.name)),
    addresses: script.stdout.trim().split("\n")
      .map((line) => BigInt(`0x${line.trim()}`)),
    injected,
    directory,
    pid: Number(dump.name.match(/^jit-(\d+)\.dump$/)![1]),
  };
}

/** Returns the path of the ELF file that perf has created for a function. */
export function elfOf(
  { directory, pid }: Pick<Profile, "directory" | "pid">,
  { index }: Pick<ParsedFunction, "index">,
): string {
  return join(directory, `jitted-${pid}-${index}.so`);
}

/** Returns the bytes of a section of an ELF file. */
export async function section(elf: string, name: string): Promise<Uint8Array> {
  const out = await Deno.makeTempFile();
  try {
    await runOrThrow(
      ["objcopy", "-O", "binary", `--only-section=${name}`, elf, out],
    );
    return await Deno.readFile(out);
  } finally {
    await Deno.remove(out);
  }
}
