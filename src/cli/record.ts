/**
 * `jitdump record`.
 *
 * @module
 */

import {
  CALL_GRAPHS,
  type CallGraph,
  findEvent,
  recordArguments,
} from "../profile/perf_record.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { DEFAULT_DIRECTORY, report } from "./report.ts";

const HELP = `
Usage: jitdump record [OPTIONS] -- COMMAND…
       jitdump record [OPTIONS] --pid PID

Runs a command under perf record, with the clock of dumps, and then shows the report.
The processor's cycles are counted, or where it counts none, time is (cpu-clock).

  --out DIRECTORY          where the recording goes (default: ${DEFAULT_DIRECTORY})
  --call-graph fp|dwarf|none  how perf finds who called whom (default: fp)
  --v8                     have a Deno program name its JavaScript functions too
  --pid PID                record a process that runs already, until it ends or Ctrl-C

The command gets the signals, and its exit status is that of this one.

Needs --allow-run=perf, --allow-read and --allow-write; --v8 --allow-env too.
`;

/** Signals that ask a program to end. */
const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export const record: Command = {
  summary: "record a program with perf, and report",
  help: HELP,
  async run(args) {
    const end = args.indexOf("--");
    const options = end === -1 ? args : args.slice(0, end);
    const command = end === -1 ? [] : args.slice(end + 1);
    const { values, positionals } = parse(options, {
      out: { type: "string", default: DEFAULT_DIRECTORY },
      "call-graph": { type: "string", default: "fp" },
      v8: { type: "boolean" },
      pid: { type: "string" },
    });
    if (positionals.length > 0) {
      throw new UsageError(`put -- before the command "${positionals[0]}"`);
    }
    const callGraph = values["call-graph"] as CallGraph;
    if (!CALL_GRAPHS.includes(callGraph)) {
      throw new UsageError(
        `--call-graph must be ${CALL_GRAPHS.join(", ")}, got "${callGraph}"`,
      );
    }
    const target = toTarget(command, values.pid);
    const directory = values.out;
    await Deno.mkdir(directory, { recursive: true });
    const event = await findEvent();
    const data = `${directory}/perf.data`;
    await removeOld(data);
    const env = values.v8 ? await v8Environment(directory) : {};
    const perf = recordArguments({ data, event, callGraph, target });
    console.error(`jitdump record: perf ${perf.join(" ")}`);
    const status = await runInFront("perf", perf, env);
    if (!await hasContent(data)) {
      throw new Error(`perf has recorded nothing, and ended with ${status}`);
    }
    try {
      await report.run([directory]);
    } catch (error) {
      if (status === 0) throw error;
      throw new Error(
        `perf, or the command, has ended with ${status}, and there is no report: ${
          (error as Error).message
        }`,
      );
    }
    return status;
  },
};

/** Removes an earlier recording, so that it cannot be taken for this one. */
async function removeOld(data: string): Promise<void> {
  try {
    await Deno.remove(data);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function hasContent(data: string): Promise<boolean> {
  try {
    return (await Deno.stat(data)).size > 0;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  }
}

function toTarget(command: string[], pid: string | undefined) {
  if (pid === undefined) {
    if (command.length > 0) return command;
    throw new UsageError("no COMMAND is given");
  }
  if (command.length > 0) {
    throw new UsageError("--pid and a COMMAND exclude each other");
  }
  if (!/^[1-9]\d*$/.test(pid)) {
    throw new UsageError(`--pid must be a number, got "${pid}"`);
  }
  return Number(pid);
}

async function v8Environment(
  directory: string,
): Promise<Record<string, string>> {
  // V8 does not share a dump, and would give its own the name of the program's.
  await Deno.mkdir(`${directory}/v8`, { recursive: true });
  const place = await Deno.realPath(`${directory}/v8`);
  const flags = [
    "--perf-prof",
    `--perf-prof-path=${place}`,
    // V8 opens a log besides, in the current directory if nothing is said.
    `--logfile=${place}/v8.log`,
    "--no-logfile-per-isolate",
  ].join();
  const others = Deno.env.get("DENO_V8_FLAGS");
  return { DENO_V8_FLAGS: others ? `${others},${flags}` : flags };
}

/** Runs a program that has the terminal, and gets the signals; gives its exit status. */
async function runInFront(
  program: string,
  args: string[],
  env: Record<string, string>,
): Promise<number> {
  const child = new Deno.Command(program, { args, env }).spawn();
  const pass = SIGNALS.map((signal): [Deno.Signal, () => void] => [
    signal,
    () => {
      try {
        child.kill(signal);
      } catch {
        // It has ended by itself.
      }
    },
  ]);
  for (const [signal, listener] of pass) {
    Deno.addSignalListener(signal, listener);
  }
  try {
    return (await child.status).code;
  } finally {
    for (const [signal, listener] of pass) {
      Deno.removeSignalListener(signal, listener);
    }
  }
}
