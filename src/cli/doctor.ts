/**
 * `jitdump doctor`.
 *
 * @module
 */

import { type Libc, LIBC_PATHS, openLibc } from "../../ffi/libc.ts";
import { readProfile } from "../profile/profiler.ts";
import { functionTotals } from "../profile/totals.ts";
import { EventSet } from "../recorder/event_set.ts";
import { RecordingDirectory } from "../recorder/recording_directory.ts";
import type { SampleSettings } from "../recorder/sample_settings.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { colored } from "./output.ts";
import { defaultEvent, RecordingSession } from "./recording_session.ts";

const HELP = `
Usage: jitdump doctor

Checks the requirements of profiling, and suggests a remedy for each that is missing.
Also records a test program, and checks that the profile names its jitted function.

Requires --allow-all: it runs Deno, objdump and perf, and calls machine code.
perf is optional: it can read recordings and dumps too.
Exit status: 0 if profiling works, 1 if not.
`;

/** Name of the jitted function in the test program. */
const NAME = "doctor_test_function";

/** Checks a requirement; returns its state, or throws an error with a remedy. */
type Check = () => Promise<string>;

export const doctor: Command = {
  summary: "check the requirements of profiling",
  help: HELP,
  options: {},
  async run(args) {
    const { positionals } = parse(args, {});
    if (positionals.length > 0) {
      throw new UsageError("doctor accepts no arguments");
    }
    const checks: [string, Check, "needed" | "useful"][] = [
      ["system", system, "needed"],
      ["libc", libc, "needed"],
      ["recorder", recorder, "needed"],
      ["perf_event_paranoid", paranoid, "useful"],
      ["a recorded function", recordOne, "needed"],
      ["objdump", objdump, "useful"],
      ["perf", perf, "useful"],
    ];
    let status = 0;
    for (const [name, check, need] of checks) {
      let text: string;
      try {
        text = `${colored("ok  ", "bold")}  ${name}: ${await check()}`;
      } catch (error) {
        if (need === "needed") status = 1;
        const mark = need === "needed"
          ? colored("miss", "red")
          : colored("note", "yellow");
        text = `${mark}  ${name}: ${(error as Error).message}`;
      }
      console.log(text);
    }
    return status;
  },
};

function system(): Promise<string> {
  const { os, arch } = Deno.build;
  if (os === "linux") return Promise.resolve(`${os}, ${arch}`);
  return Promise.reject(
    new Error(`recording requires Linux, and this system is ${os}`),
  );
}

async function paranoid(): Promise<string> {
  const path = "/proc/sys/kernel/perf_event_paranoid";
  const level = Number(await Deno.readTextFile(path));
  if (level <= 1 || Deno.uid() === 0) return String(level);
  throw new Error(
    `${level}: recording is not allowed, or only outside the kernel; run sudo sysctl kernel.perf_event_paranoid=1`,
  );
}

async function libc(): Promise<string> {
  for (const path of LIBC_PATHS) {
    try {
      await Deno.stat(path);
    } catch {
      continue;
    }
    return `${path}; a program needs at least --allow-ffi=${path} --allow-write=<the dump's directory>`;
  }
  throw new Error(
    `not found at ${
      LIBC_PATHS.join(", ")
    }; set options.libc and --allow-ffi to its path`,
  );
}

async function objdump(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("objdump", {
      args: ["--version"],
    }).output();
    return new TextDecoder().decode(stdout).split("\n")[0];
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      "not installed, so instructions cannot be shown; install the package binutils",
    );
  }
}

/** Calls a function with libc. */
async function withLibc<T>(use: (libc: Libc) => T | Promise<T>): Promise<T> {
  const library = openLibc((message) => new Error(message));
  try {
    return await use(library.symbols);
  } finally {
    library.close();
  }
}

const SETTINGS: SampleSettings = {
  frequency: 1000,
  callGraph: "none",
  stackSize: 0,
};

/** Size of the ring buffers to try. */
const RING_SIZE = 512 * 1024;

/** Opens the events of a recording, and closes them. */
function recorder(): Promise<string> {
  return withLibc((libc) => {
    const event = defaultEvent(libc);
    const target = { kind: "children" } as const;
    const set = EventSet.open(libc, [event], SETTINGS, target, RING_SIZE);
    set.close();
    const kernel = set.leavesOutKernel ? " without the kernel" : "";
    return `${event.name}${kernel}, ${set.rings.length} CPUs, ${
      set.ringSize / 1024
    } KiB for each`;
  });
}

/** The message of Ubuntu's wrapper if it has no perf for the running kernel. */
const NO_PERF = /perf not found for kernel/;

async function perf(): Promise<string> {
  const unneeded = "jitdump record does not require it";
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("perf", {
      args: ["--version"],
      stdin: "null",
    }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(
      `not installed; ${unneeded}; to use it, install it (Debian: linux-perf, Ubuntu: linux-tools-generic, Fedora: perf)`,
    );
  }
  const [stdout, stderr] = [output.stdout, output.stderr]
    .map((bytes) => new TextDecoder().decode(bytes).trim());
  if (NO_PERF.test(stdout + stderr)) {
    throw new Error(
      `a wrapper without a perf for this kernel; ${unneeded}; to use it, install linux-tools-$(uname -r)`,
    );
  }
  if (!output.success) {
    const [reason] = (stderr || stdout).split("\n");
    throw new Error(`does not run (${reason}); ${unneeded}`);
  }
  return stdout.replace(/^perf version /, "");
}

/** Records the test program, and finds its function in the profile. */
async function recordOne(): Promise<string> {
  const path = await Deno.makeTempDir({ prefix: "jitdump-doctor-" });
  try {
    const samples = await withLibc((libc) => recordProgram(libc, path));
    if (samples === 0) throw new Error("the recording has no samples of it");
    const profile = await readProfile(`${path}/perf.data`);
    const share = functionTotals(profile)
      .find(({ symbol }) => symbol.name === NAME);
    if (!share) {
      throw new Error(
        "the profile does not name it; record a program with jitdump record, and follow its hints",
      );
    }
    const percent = (100 * share.self / profile.weight).toFixed(0);
    return `the profile names it, with ${percent}% of ${profile.samples} samples of ${profile.event}`;
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

/** Records the test program into a directory; returns the number of samples. */
async function recordProgram(libc: Libc, path: string): Promise<number> {
  const started = new Date();
  const directory = new RecordingDirectory(libc, path, started);
  try {
    const session = new RecordingSession(libc, directory, {
      events: [defaultEvent(libc)],
      settings: SETTINGS,
      target: { kind: "children" },
      started,
    });
    try {
      const program = new URL("doctor_program.ts", import.meta.url).href;
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--allow-all", program, path, NAME],
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const output = child.output();
      await session.run(output);
      const { success, stderr } = await output;
      if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
      session.keep(0);
      return session.totals.samples;
    } finally {
      session.close();
    }
  } finally {
    directory.close();
  }
}
