/**
 * `jitdump doctor`.
 *
 * @module
 */

import { LIBC_PATHS } from "../../ffi/libc.ts";
import {
  findEvent,
  perfVersion,
  recordArguments,
} from "../profile/perf_record.ts";
import { readProfile } from "../profile/profiler.ts";
import { tallyFunctions } from "../profile/tally.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { colored } from "./output.ts";

const HELP = `
Usage: jitdump doctor

Checks the requirements of profiling, and suggests a remedy for each that is missing.
Then records a test program, and checks that the profile names its jitted function.

Requires --allow-all: it runs perf, objdump and Deno, and calls machine code.
Exit status: 0 if profiling works, 1 if not.
`;

/** Name of the jitted function in the test program. */
const NAME = "doctor_test_function";

/** Checks a requirement; returns its state, or throws an error with a remedy. */
type Check = () => Promise<string>;

export const doctor: Command = {
  summary: "check the requirements of profiling",
  help: HELP,
  async run(args) {
    const { positionals } = parse(args, {});
    if (positionals.length > 0) {
      throw new UsageError("doctor takes no arguments");
    }
    let event = "";
    const checks: [string, Check, "needed" | "useful"][] = [
      ["system", system, "needed"],
      ["perf", perfVersion, "needed"],
      ["perf_event_paranoid", paranoid, "useful"],
      [
        "clock and event",
        async () => `-k mono -e ${event = await findEvent()}`,
        "needed",
      ],
      ["libc", libc, "needed"],
      ["objdump", objdump, "useful"],
      ["a recorded function", () => recordOne(event), "needed"],
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
  return Promise.reject(new Error(`perf runs on Linux only, this is ${os}`));
}

async function paranoid(): Promise<string> {
  const path = "/proc/sys/kernel/perf_event_paranoid";
  const level = Number(await Deno.readTextFile(path));
  if (level <= 1 || Deno.uid() === 0) return String(level);
  throw new Error(
    `${level}: perf may not record the kernel, or nothing at all; run sudo sysctl kernel.perf_event_paranoid=1`,
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

/** Records the test program, and finds its function in the profile. */
async function recordOne(event: string): Promise<string> {
  if (event === "") throw new Error("not checked, because perf cannot record");
  const directory = await Deno.makeTempDir({ prefix: "jitdump-doctor-" });
  try {
    const data = `${directory}/perf.data`;
    const program = new URL("doctor_program.ts", import.meta.url).href;
    const perf = recordArguments({
      data,
      event,
      callGraph: "none",
      target: [Deno.execPath(), "run", "--allow-all", program, directory, NAME],
    });
    const { success, stderr } = await new Deno.Command("perf", { args: perf })
      .output();
    if (!success) {
      throw new Error(new TextDecoder().decode(stderr).trim());
    }
    const profile = await readProfile(data);
    const share = tallyFunctions(profile)
      .find(({ place }) => place.name === NAME);
    if (!share) {
      throw new Error(
        "the profile does not name it; run jitdump check on the dump",
      );
    }
    const percent = (100 * share.self / profile.weight).toFixed(0);
    return `the profile names it, with ${percent}% of ${profile.samples} samples of ${profile.event}`;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
