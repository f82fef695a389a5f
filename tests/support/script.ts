/**
 * Scripts in separate processes, with exactly the flags under test.
 *
 * @module
 */

import { fromFileUrl, join } from "@std/path";
import { type CommandLine, type Outcome, run } from "./perf.ts";

/** URL of the module, for a script to import. */
export const MOD = new URL("../../mod.ts", import.meta.url).href;

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

const { arch } = Deno.build;

/** Path of libc for the tests' scoped `--allow-ffi`. */
export const LIBC = [
  `/lib/${arch}-linux-gnu/libc.so.6`,
  "/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
].find((path) => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
})!;

/** Writes a script to `directory` and returns the command that runs it. */
export function scriptCommand(
  directory: string,
  source: string,
  flags: string[],
): CommandLine {
  const file = Deno.makeTempFileSync({ dir: directory, suffix: ".ts" });
  Deno.writeTextFileSync(file, source);
  return [Deno.execPath(), "run", "--no-config", ...flags, file];
}

/** Runs a script with closed standard input, so that Deno cannot prompt. */
export function runScript(
  directory: string,
  source: string,
  flags: string[],
): Promise<Outcome> {
  return run(scriptCommand(directory, source, flags));
}

/** Returns the permission flags that suffice for the writers of the module. */
export function enoughFlags(directory: string): string[] {
  return [`--allow-ffi=${LIBC}`, `--allow-write=${directory}`];
}

/** Creates a directory that is removed when it is disposed. */
export function temporaryDirectory(): Disposable & { path: string } {
  const path = Deno.makeTempDirSync({ prefix: "jitdump-" });
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** Creates a directory with links to this project's files, except hidden ones. */
export function projectDirectory() {
  const directory = temporaryDirectory();
  for (const { name } of Deno.readDirSync(ROOT)) {
    if (name.startsWith(".")) continue;
    Deno.symlinkSync(join(ROOT, name), join(directory.path, name));
  }
  return directory;
}

/** Returns the number of write calls of the calling thread. */
export const writesOfThisThread = () =>
  Number(
    Deno.readTextFileSync("/proc/thread-self/io").match(/syscw: (\d+)/)![1],
  );
