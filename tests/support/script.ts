/**
 * Scripts in processes of their own, with exactly the flags under test.
 *
 * @module
 */

import { fromFileUrl, join } from "@std/path";
import { type CommandLine, type Outcome, run } from "./perf.ts";

/** The module's URL, for a script to import. */
export const MOD = new URL("../../mod.ts", import.meta.url).href;

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

const { arch } = Deno.build;

/** libc as the scoped `--allow-ffi` of the tests names it. */
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

/** The command that runs the script, which is written beside what it is about. */
export function scriptCommand(
  directory: string,
  source: string,
  flags: string[],
): CommandLine {
  const file = Deno.makeTempFileSync({ dir: directory, suffix: ".ts" });
  Deno.writeTextFileSync(file, source);
  return [Deno.execPath(), "run", "--no-config", ...flags, file];
}

/** Runs the script, its standard input closed, so that nobody can be asked. */
export function runScript(
  directory: string,
  source: string,
  flags: string[],
): Promise<Outcome> {
  return run(scriptCommand(directory, source, flags));
}

/** The flags that are enough for everything the module does. */
export function enoughFlags(directory: string): string[] {
  return [`--allow-ffi=${LIBC}`, `--allow-write=${directory}`];
}

/** A directory that is there for as long as it is in use. */
export function temporaryDirectory(): Disposable & { path: string } {
  const path = Deno.makeTempDirSync({ prefix: "jitdump-" });
  return {
    path,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

/** A directory in which this project stands, without what the demo has left. */
export function projectDirectory() {
  const directory = temporaryDirectory();
  for (const { name } of Deno.readDirSync(ROOT)) {
    if (name.startsWith(".")) continue;
    Deno.symlinkSync(join(ROOT, name), join(directory.path, name));
  }
  return directory;
}

/** How many write calls the kernel has counted for the calling thread. */
export const writesOfThisThread = () =>
  Number(
    Deno.readTextFileSync("/proc/thread-self/io").match(/syscw: (\d+)/)![1],
  );
