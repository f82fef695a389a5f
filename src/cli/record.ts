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
import { hasSamples } from "../profile/recording.ts";
import { perfProfFlags } from "../v8.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { DEFAULT_DIRECTORY, report } from "./report.ts";

const HELP = `
Usage: jitdump record [OPTIONS] -- COMMAND…
       jitdump record [OPTIONS] --pid PID

Runs a command under perf record, with the clock of dumps, and then shows the report.
Samples are taken by processor cycles, or by time (cpu-clock) where none are counted.

  --out DIRECTORY          where the recording goes (default: ${DEFAULT_DIRECTORY})
  --call-graph fp|dwarf|none  how perf finds who called whom (default: fp)
  --frequency HZ           how often to look, in a second (default: perf's own, 4000)
  --v8                     have a Deno program name its JavaScript functions too
  --pid PID                record a process that runs already, until it ends or Ctrl-C

Signals are passed on to the command, and its exit status is that of this one. An
earlier recording is replaced when this one has succeeded.

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
      frequency: { type: "string" },
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
    const frequency = values.frequency === undefined
      ? undefined
      : toPositive("--frequency", values.frequency);
    const target = toTarget(command, values.pid);
    const directory = values.out;
    if (directory === "") throw new UsageError("--out is empty");
    await Deno.mkdir(directory, { recursive: true });
    const event = await findEvent();
    // Where nothing is recorded, an earlier recording stays.
    const data = `${directory}/perf.data.new`;
    await removeOld(data);
    const env = values.v8 ? await v8Environment(directory) : {};
    const perf = recordArguments({
      data,
      event,
      callGraph,
      frequency,
      target,
    });
    console.error(`jitdump record: perf ${perf.join(" ")}`);
    const status = await runInFront("perf", perf, env);
    if (!await hasContent(data)) {
      await removeOld(data);
      throw new Error(`perf has recorded nothing, and ended with ${status}`);
    }
    if (!await hasSamples(data)) {
      await removeOld(data);
      throw new Error(
        status === 0
          ? "perf has taken no sample: the command did too little for this --frequency"
          : `perf has ended with ${status}, and recorded nothing: it may not have been able to run the command`,
      );
    }
    await Deno.rename(data, `${directory}/perf.data`);
    await report.run([directory]);
    if (status !== 0) {
      console.error(`jitdump record: the command has ended with ${status}`);
    }
    return status;
  },
};

/** Removes what an earlier run may have left. */
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
  return toPositive("--pid", pid);
}

function toPositive(option: string, value: string): number {
  if (/^[1-9]\d*$/.test(value)) return Number(value);
  throw new UsageError(
    `${option} must be a whole number above 0, got "${value}"`,
  );
}

async function v8Environment(
  directory: string,
): Promise<Record<string, string>> {
  // V8 does not share a dump, and would give its own the name of the program's.
  await Deno.mkdir(`${directory}/v8`, { recursive: true });
  const place = await Deno.realPath(`${directory}/v8`);
  if (place.includes(",")) {
    throw new UsageError(
      `--v8 cannot have the recording in "${place}": commas separate V8's options`,
    );
  }
  const flags = perfProfFlags(place).join();
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
