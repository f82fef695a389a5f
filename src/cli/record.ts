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

Records a command with perf record and CLOCK_MONOTONIC, and then prints the report.
Samples CPU cycles, or CPU time (cpu-clock) if perf cannot count cycles.

  --out DIRECTORY          directory of the recording (default: ${DEFAULT_DIRECTORY})
  --call-graph fp|dwarf|none  source of call chains (default: fp)
  --frequency HZ           samples per second (default: that of perf, 4000)
  --v8                     record the names of JavaScript functions of a Deno program
  --pid PID                record a running process, until it ends or Ctrl-C is pressed

Forwards signals to the command, and exits with its status. Replaces an earlier
recording only if this one succeeds.

Requires --allow-run=perf, --allow-read and --allow-write; --v8 requires --allow-env.
`;

/** Signals that request a program to terminate. */
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
      throw new UsageError(`the command "${positionals[0]}" must follow --`);
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
    // An earlier recording is kept if this one fails.
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
    const status = await runInForeground("perf", perf, env);
    if (!await hasContent(data)) {
      await removeOld(data);
      throw new Error(`perf recorded nothing and exited with status ${status}`);
    }
    if (!await hasSamples(data)) {
      await removeOld(data);
      throw new Error(
        status === 0
          ? "perf took no sample: the command used too little CPU time for this --frequency"
          : `perf exited with status ${status} without a sample; check that it can run the command`,
      );
    }
    await Deno.rename(data, `${directory}/perf.data`);
    await report.run([directory]);
    if (status !== 0) {
      console.error(`jitdump record: the command exited with status ${status}`);
    }
    return status;
  },
};

/** Removes an incomplete recording of an earlier run. */
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
    throw new UsageError("COMMAND is missing");
  }
  if (command.length > 0) {
    throw new UsageError("--pid and COMMAND exclude each other");
  }
  return toPositive("--pid", pid);
}

function toPositive(option: string, value: string): number {
  if (/^[1-9]\d*$/.test(value)) return Number(value);
  throw new UsageError(
    `${option} must be a positive integer, got "${value}"`,
  );
}

async function v8Environment(
  directory: string,
): Promise<Record<string, string>> {
  // V8 does not share a dump, and its default name is that of the program's own dump.
  await Deno.mkdir(`${directory}/v8`, { recursive: true });
  const path = await Deno.realPath(`${directory}/v8`);
  if (path.includes(",")) {
    throw new UsageError(
      `--v8 cannot use "${path}", because commas separate V8's flags; choose another --out`,
    );
  }
  const flags = perfProfFlags(path).join();
  const others = Deno.env.get("DENO_V8_FLAGS");
  return { DENO_V8_FLAGS: others ? `${others},${flags}` : flags };
}

/** Runs a program with this terminal, forwards signals to it, and returns its exit status. */
async function runInForeground(
  program: string,
  args: string[],
  env: Record<string, string>,
): Promise<number> {
  const child = new Deno.Command(program, { args, env }).spawn();
  const listeners = SIGNALS.map((signal): [Deno.Signal, () => void] => [
    signal,
    () => {
      try {
        child.kill(signal);
      } catch {
        // The program has already ended.
      }
    },
  ]);
  for (const [signal, listener] of listeners) {
    Deno.addSignalListener(signal, listener);
  }
  try {
    return (await child.status).code;
  } finally {
    for (const [signal, listener] of listeners) {
      Deno.removeSignalListener(signal, listener);
    }
  }
}
