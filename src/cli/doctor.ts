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

Checks what a profile needs, and says what to do where it is missing. Then it lets a
program make a function, records it and says whether the function's name came out.

Needs --allow-all: it runs perf, objdump and Deno, and calls machine code.
Exit status: 0 if a profile can be made, 1 if not.
`;

/** What the program that is recorded calls its function. */
const NAME = "doctor_test_function";

/** Something that is looked at; gives what is there, or throws what to do. */
type Check = () => Promise<string>;

export const doctor: Command = {
  summary: "check what a profile needs",
  help: HELP,
  async run(args) {
    const { positionals } = parse(args, {});
    if (positionals.length > 0) throw new UsageError("there are no arguments");
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
  return Promise.reject(new Error(`perf is on Linux only, this is ${os}`));
}

async function paranoid(): Promise<string> {
  const path = "/proc/sys/kernel/perf_event_paranoid";
  const level = Number(await Deno.readTextFile(path));
  if (level <= 1 || Deno.uid() === 0) return String(level);
  throw new Error(
    `${level}: the kernel's part of a profile is left out, or nothing may be recorded; sudo sysctl kernel.perf_event_paranoid=1`,
  );
}

async function libc(): Promise<string> {
  for (const path of LIBC_PATHS) {
    try {
      await Deno.stat(path);
    } catch {
      continue;
    }
    return `${path}; the least that a program needs is --allow-ffi=${path} --allow-write=<the dump's directory>`;
  }
  throw new Error(
    `at none of ${
      LIBC_PATHS.join(", ")
    }: name it in options.libc and --allow-ffi`,
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
      "not there, so no instructions can be shown: install the package binutils",
    );
  }
}

/** Records a program that spends its time in one jitted function. */
async function recordOne(event: string): Promise<string> {
  if (event === "") throw new Error("not tried, as nothing can be recorded");
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
        "its name did not come out; look at the dump with jitdump check",
      );
    }
    const percent = (100 * share.self / profile.weight).toFixed(0);
    return `its name came out, with ${percent}% of ${profile.samples} samples of ${profile.event}`;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
