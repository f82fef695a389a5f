/**
 * A recording of perf's, read through `perf script`.
 *
 * @module
 */

import { DUMP, IMAGE } from "./perf_files.ts";
import { NO_PERF } from "./perf_record.ts";
import {
  type Mapping,
  PERF_SCRIPT_OPTIONS,
  PerfScriptParser,
  type Sample,
} from "./perf_script.ts";

/** CLOCK_MONOTONIC, as `perf script --header-only` says of the recording's events. */
const MONOTONIC = /\bclockid: monotonic \(1\)|\bclockid = 1\b/;

/** What `--call-graph dwarf` adds to each sample. */
const STACKS = /\bsample_type = [^,]*\bSTACK_USER\b/;

/** The event that stands first. */
const EVENT = /^# event : name = (\S+?),? /m;

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
    throw new Error(NO_PERF);
  }
}

/** What has to be known of a recording before it is read. */
export interface RecordingHeader {
  /** Whether perf finds callers by copies of the stack (`--call-graph dwarf`). */
  readonly hasStacks: boolean;
  /** The first event that was asked for. */
  readonly event: string;
}

/**
 * Reads what a recording says of itself.
 *
 * @throws {Error} If it has another clock than dumps, or is none that perf can read.
 */
export async function readHeader(path: string): Promise<RecordingHeader> {
  const child = spawn(["--header-only", "-i", path]);
  const { success, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(
      `perf cannot read ${path}: ${decoder.decode(stderr).trim()}`,
    );
  }
  const header = decoder.decode(stdout);
  if (MONOTONIC.test(header)) {
    const event = EVENT.exec(header)?.[1] ?? "";
    return { hasStacks: STACKS.test(header), event };
  }
  throw new Error(
    `${path} has been recorded with another clock than dumps have: record again with perf record -k mono`,
  );
}

/**
 * Does something with a recording into which perf has put the images of jitted functions:
 * it needs their unwinding tables to find callers by copies of the stack. The images lie
 * beside the dumps, and are taken away again.
 */
export async function withInjected<T>(
  path: string,
  dumps: readonly string[],
  use: (injected: string) => Promise<T>,
): Promise<T> {
  const directory = await Deno.makeTempDir({ prefix: "jitdump-" });
  const names = dumps.map((dump) => DUMP.exec(dump)!);
  const places = new Set(names.map(([, place]) => place));
  const pids = new Set(names.map(([, , pid]) => pid));
  const before = new Set(await listImages(places, pids));
  try {
    const injected = `${directory}/perf.jit.data`;
    const { success, stderr } = await new Deno.Command("perf", {
      args: [
        ...["--buildid-dir", `${directory}/buildids`],
        ...["inject", "--jit", "-i", path, "-o", injected],
      ],
      stdin: "null",
    }).output();
    if (!success) {
      throw new Error(
        `perf inject: ${new TextDecoder().decode(stderr).trim()}`,
      );
    }
    return await use(injected);
  } finally {
    for (const image of await listImages(places, pids)) {
      if (!before.has(image)) await Deno.remove(image);
    }
    await Deno.remove(directory, { recursive: true });
  }
}

/** The images of functions of these processes. */
async function listImages(
  places: Iterable<string>,
  pids: ReadonlySet<string>,
): Promise<string[]> {
  const images: string[] = [];
  for (const place of places) {
    for await (const { name } of Deno.readDir(place)) {
      const pid = IMAGE.exec(name)?.[2];
      if (pid !== undefined && pids.has(pid)) images.push(place + name);
    }
  }
  return images;
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
