import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { toFirefox } from "../../src/profile/firefox.ts";
import type { Profile } from "../../src/profile/profile.ts";
import { at, buildProfile, NATIVE_MAIN } from "../support/build_profile.ts";
import { runOrThrow } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";

const script = { ...at("JS:*g", 5, "/g.js"), category: "javascript" as const };
const kernel = { ...at("vfs_read"), category: "kernel" as const, dso: "[k]" };
const process = "a program 7";
const MS = 1e6;

/** A profile of two threads. Function f has samples in two files, and without a line. */
const PROFILE: Profile = {
  ...buildProfile([
    { process, symbols: [NATIVE_MAIN, at("f", 2)], weight: MS },
    { process, symbols: [NATIVE_MAIN, at("f")], weight: MS },
    { process, tid: 8, symbols: [script, kernel], weight: 3 * MS },
    { process, symbols: [NATIVE_MAIN, at("f", 9, "/b")], weight: MS },
    { process, symbols: [NATIVE_MAIN, at("f", 3)], weight: MS },
    { process, symbols: [], weight: 2 * MS },
  ]),
  dumps: [{
    path: "/jit-7.dump",
    functions: new Map(),
    pid: 7,
    loads: [
      { name: "early", time: -1, tid: 7, codeIndex: 0n, codeSize: 16 },
      { name: "f", time: 0.5 * MS, tid: 7, codeIndex: 1n, codeSize: 48 },
      { name: "g", time: 1.5 * MS, tid: 8, codeIndex: 2n, codeSize: 32 },
      { name: "h", time: 2.5 * MS, tid: 9, codeIndex: 3n, codeSize: 32 },
      { name: "late", time: 9 * MS, tid: 7, codeIndex: 4n, codeSize: 32 },
    ],
  }],
};

/** The fields of the format that these tests use. */
interface Processed {
  meta: { startTime: number; categories: { name: string }[] };
  shared: {
    stringArray: string[];
    stackTable: { frame: number[]; prefix: (number | null)[] };
    frameTable: { func: number[]; line: (number | null)[]; category: number[] };
    funcTable: { name: number[]; source: (number | null)[] };
    sources: { filename: number[] };
  };
  threads: {
    name: string;
    tid: number;
    samples: {
      stack: (number | null)[];
      time: number[];
      weight: number[];
      weightType: string;
    };
    markers: { data: { name: string }[]; startTime: number[] };
  }[];
}

const read = (profile: Profile): Processed =>
  JSON.parse(JSON.stringify(toFirefox(profile)));

/** Returns the chain of a stack, outermost first: names, categories, files and lines. */
function chainOf({ meta, shared }: Processed, stack: number | null): string {
  const { stringArray, stackTable, frameTable, funcTable, sources } = shared;
  const frames: string[] = [];
  for (let at = stack; at !== null; at = stackTable.prefix[at]) {
    const frame = stackTable.frame[at];
    const fn = frameTable.func[frame];
    const source = funcTable.source[fn];
    const file = source === null ? "" : stringArray[sources.filename[source]];
    const { name } = meta.categories[frameTable.category[frame]];
    frames.push(
      `${stringArray[funcTable.name[fn]]} ${name} ${file}:${
        frameTable.line[frame] ?? ""
      }`,
    );
  }
  return frames.reverse().join(" → ");
}

/** Loads a profile in the Firefox Profiler's command line, which uses its front end's code. */
async function withProfiler(
  profile: Profile,
  use: (run: (...args: string[]) => Promise<string>) => Promise<void>,
): Promise<void> {
  using directory = temporaryDirectory();
  const file = join(directory.path, "profile.json");
  Deno.writeTextFileSync(file, JSON.stringify(toFirefox(profile)));
  const env = { PROFILER_CLI_SESSION_DIR: join(directory.path, "session") };
  const program = "npm:@firefox-devtools/profiler-cli@0.10.0";
  const run = async (...args: string[]) => {
    const { stdout } = await runOrThrow(
      [Deno.execPath(), "run", "--no-config", "--allow-all", program, ...args],
      { env },
    );
    return stdout;
  };
  for (;;) {
    try {
      await run("load", file);
      break;
    } catch (error) {
      // The command line waits only half a second for its daemon (0.10.0).
      const daemon = /did not become ready[^]* as pid (\d+)/.exec(`${error}`);
      if (daemon === null) throw error;
      Deno.kill(Number(daemon[1]), "SIGKILL");
    }
  }
  try {
    await use(run);
  } finally {
    await run("stop");
  }
}

describe("toFirefox()", () => {
  it("has the samples of each thread with their times when there are several", () => {
    const { threads, meta } = read(PROFILE);
    assertEquals(
      threads.map(({ name, tid, samples: { time, weight, weightType } }) => [
        ...[name, tid, time, weight, weightType],
      ]),
      [
        ["a program", 7, [0, 1, 3, 4, 5], [1, 1, 1, 1, 2], "tracing-ms"],
        ["thread 8", 8, [2], [3], "tracing-ms"],
      ],
    );
    assertEquals(meta.startTime, Date.UTC(2025, 0, 1));
  });

  it("has names, categories, files and lines when it has chains", () => {
    const processed = read(PROFILE);
    const chains = processed.threads.map(({ samples }) =>
      samples.stack.map((stack) => chainOf(processed, stack))
    );
    assertEquals(chains, [
      [
        "main Native : → f Jitted /a.calc:2",
        "main Native : → f Jitted /a.calc:",
        // The line is in another file than the function, so it is omitted.
        "main Native : → f Jitted /a.calc:",
        "main Native : → f Jitted /a.calc:3",
        "",
      ],
      ["JS:*g JavaScript /g.js:5 → vfs_read Kernel :"],
    ]);
  });

  it("has markers of functions when they were compiled during the recording", () => {
    assertEquals(
      read(PROFILE).threads.map(({ markers: { data, startTime } }) =>
        data.map(({ name }, i) => [name, startTime[i]])
      ),
      [[["f", 0.5], ["h", 2.5]], [["g", 1.5]]],
    );
  });

  it("has the event's weights when it counts no time", () => {
    const [{ samples }] = read({ ...PROFILE, event: "cycles" }).threads;
    assertEquals(samples.weight, [MS, MS, MS, MS, 2 * MS]);
    assertEquals(samples.weightType, "samples");
  });

  it("has the totals of functions when the Firefox Profiler loads it", async () => {
    await withProfiler(PROFILE, async (run) => {
      const functions = async (thread: string) => {
        await run("thread", "select", thread);
        const { functions } = JSON.parse(
          await run("thread", "functions", "--json"),
        );
        return functions.map((
          { nameWithLibrary, selfSamples, totalSamples }: Record<
            string,
            unknown
          >,
        ) => [nameWithLibrary, selfSamples, totalSamples]);
      };
      assertEquals(await functions("t-0"), [["f", 4, 4], ["a!main", 0, 4]]);
      assertEquals(await functions("t-1"), [
        ["[k]!vfs_read", 3, 3],
        ["JS:*g", 0, 3],
      ]);
      const { processes: [{ pid, name, cpuMs, threads }] } = JSON.parse(
        await run("profile", "info", "--json"),
      );
      assertEquals([pid, name, threads.length], ["7", "a program", 2]);
      // The profiler counts no time for the first sample of each thread.
      assertEquals(cpuMs, 5);
      const { categoryBreakdown: { categories } } = JSON.parse(
        await run("thread", "samples", "--json"),
      );
      assertEquals(categories[0].name, "Kernel");
      const markers = JSON.parse(await run("thread", "markers", "--json"));
      const [{ markerName, topMarkers }] = markers.byType;
      assertEquals(markerName, "Function load");
      assertEquals([topMarkers[0].label, topMarkers[0].start], ["g", 1.5]);
    });
  });
});
