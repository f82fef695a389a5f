/**
 * C programs for the tests.
 *
 * @module
 */

import { fromFileUrl, join } from "@std/path";
import { whyMissing } from "./it_unless.ts";
import { runOrThrow } from "./perf.ts";

/** Returns why no program can be compiled and inspected; returns undefined if one can. */
export const whyNotCompiled = (): Promise<string | undefined> =>
  whyMissing("cc", "readelf");

/** Compiles `native_program.c` without frame pointers; returns the executable's path. */
export async function compileNativeProgram(directory: string): Promise<string> {
  const program = join(directory, "native-program");
  const source = fromFileUrl(new URL("native_program.c", import.meta.url));
  await runOrThrow([
    "cc",
    ...["-O2", "-fomit-frame-pointer", "-fasynchronous-unwind-tables"],
    ...["-Wl,-z,lazy", "-o", program, source],
  ]);
  return program;
}

/**
 * Compiles `mixed_frames.c` so that only the outer functions keep frame pointers; returns
 * the executable's path.
 */
export async function compileMixedFrames(directory: string): Promise<string> {
  const program = join(directory, "mixed-frames");
  const source = fromFileUrl(new URL("mixed_frames.c", import.meta.url));
  const parts = [
    ["-fno-omit-frame-pointer"],
    ["-fomit-frame-pointer", "-DFRAMELESS"],
  ];
  const objects: string[] = [];
  for (const flags of parts) {
    const object = join(directory, `mixed-frames-${objects.length}.o`);
    objects.push(object);
    await runOrThrow([
      "cc",
      ...["-O2", "-fasynchronous-unwind-tables", ...flags],
      ...["-c", "-o", object, source],
    ]);
  }
  await runOrThrow(["cc", "-o", program, ...objects]);
  return program;
}
