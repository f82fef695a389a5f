/**
 * Runs under perf, for the tests.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { type ParsedFunction, readFunctions } from "./parse_dump.ts";
import {
  type CommandLine,
  injectCommand,
  recordCommand,
  runOrThrow,
} from "./perf.ts";

/** Where perf's images of functions have the code: GEN_ELF_TEXT_OFFSET. */
export const TEXT_OFFSET = 0x80;

/** What came of a run under perf, before and after the injection. */
export interface Profile {
  /** What the program printed. */
  stdout: string;
  /** The functions as they stand in the dump. */
  functions: ParsedFunction[];
  /** The address of each sample, which perf could not name yet. */
  addresses: bigint[];
  /** perf's recording after the injection. */
  injected: string;
  directory: string;
  pid: number;
}

const DEMO = fromFileUrl(new URL("../demo/main.ts", import.meta.url));

/** The demo, whose dump goes to a directory. */
export const demoCommand = (directory: string): CommandLine => [
  Deno.execPath(),
  "run",
  "--allow-ffi",
  "--allow-read",
  `--allow-write=${directory}`,
  DEMO,
  directory,
];

/**
 * Records a program that leaves its dump in the directory that the command is made
 * for. The directory stays until the tests end.
 */
export async function profile(
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
    recordCommand(data, makeCommand(directory), ...options),
  );
  const script = await runOrThrow([
    "perf",
    "script",
    ...["-i", data],
    ...["-G", "-F", "ip"],
  ]);
  await runOrThrow(injectCommand(data, injected));
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

/** The ELF file that perf has made for a function. */
export function elfOf(
  { directory, pid }: Pick<Profile, "directory" | "pid">,
  { index }: Pick<ParsedFunction, "index">,
): string {
  return join(directory, `jitted-${pid}-${index}.so`);
}

/** The bytes of an ELF file's section. */
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
