/**
 * A recording of perf's, read through `perf script`.
 *
 * @module
 */

import {
  type Mapping,
  PERF_SCRIPT_OPTIONS,
  PerfScriptParser,
  type Sample,
} from "./perf_script.ts";

/** CLOCK_MONOTONIC, as `perf script --header-only` says of the recording's events. */
const MONOTONIC = /\bclockid: monotonic \(1\)|\bclockid = 1\b/;

function spawn(args: string[]): Deno.ChildProcess {
  try {
    return new Deno.Command("perf", {
      args: ["script", ...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("there is no perf: install it (Debian: linux-perf)");
  }
}

/**
 * Checks that a recording has the clock of dumps.
 *
 * @throws {Error} If it has another one, or is none that perf can read.
 */
export async function requireMonotonicClock(path: string): Promise<void> {
  const child = spawn(["--header-only", "-i", path]);
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`perf cannot read ${path}: ${decoder.decode(stderr)}`);
  }
  if (MONOTONIC.test(decoder.decode(stdout))) return;
  throw new Error(
    `${path} has been recorded with another clock than dumps have: record again with perf record -k mono`,
  );
}

/** Goes through the samples and mappings of a recording, as perf sorts them: by time. */
export async function* readPerfData(
  path: string,
): AsyncGenerator<Sample | Mapping, void> {
  const child = spawn([...PERF_SCRIPT_OPTIONS, "-i", path]);
  const complaint = new Response(child.stderr).text();
  const parser = new PerfScriptParser();
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const item = parser.add(line);
      if (item) yield item;
    }
  }
  const last = parser.end();
  if (last) yield last;
  const { success } = await child.status;
  if (success) return;
  throw new Error(`perf cannot read ${path}: ${(await complaint).trim()}`);
}
