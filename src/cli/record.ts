/**
 * `jitdump record`.
 *
 * @module
 */

import { type Libc, openLibc } from "../../ffi/libc.ts";
import { isInForeground } from "../../ffi/terminal.ts";
import {
  EVENT_NAMES,
  parseEvent,
  type RecordedEvent,
} from "../recorder/event.ts";
import { kernelSetting } from "../recorder/kernel_setting.ts";
import { RecordingDirectory } from "../recorder/recording_directory.ts";
import {
  CALL_GRAPHS,
  type CallGraph,
  STACK_LIMIT,
} from "../recorder/sample_settings.ts";
import { perfProfFlags } from "../v8.ts";
import {
  type Command,
  firstPositional,
  parse,
  suggest,
  UsageError,
} from "./command.ts";
import { emitCache } from "./emitted_code.ts";
import {
  findTarget,
  kill,
  onEnd,
  onSignals,
  type Recorded,
  startCommand,
  toPositive,
} from "./recorded_program.ts";
import { Progress } from "./progress.ts";
import { defaultEvent, RecordingSession } from "./recording_session.ts";
import { type Options, optionsHelp } from "./options.ts";
import { openPage } from "./open_page.ts";
import { DEFAULT_DIRECTORY, reportRecording } from "./report.ts";

const OPTIONS = {
  out: {
    type: "string",
    default: DEFAULT_DIRECTORY,
    value: "DIRECTORY",
    help: `directory of the recording (default: ${DEFAULT_DIRECTORY})`,
  },
  "call-graph": {
    type: "string",
    default: "fp",
    value: "fp|dwarf|none",
    values: CALL_GRAPHS,
    help:
      "source of call chains (default: fp): frame pointers; frame pointers and a copy of the stack, which the report unwinds; or none",
  },
  "stack-size": {
    type: "string",
    value: "BYTES",
    help: "size of the copy of the stack (default: 8192)",
  },
  frequency: {
    type: "string",
    value: "HZ",
    help: "samples per second (default: 4000)",
  },
  event: {
    type: "string",
    value: "NAME,…",
    values: EVENT_NAMES,
    help: `${
      EVENT_NAMES.join(", ")
    }; :u or :k limits it to user code or to the kernel`,
  },
  duration: {
    type: "string",
    value: "SECONDS",
    help: "stop after this time, and terminate the command",
  },
  v8: {
    type: "boolean",
    default: false,
    help:
      'record the names and lines of JavaScript of a Deno program; lines are "(generated)" if Deno\'s cache lacks the source map',
  },
  pid: {
    type: "string",
    value: "PID",
    help: "record a process, until it ends or Ctrl-C is pressed",
  },
  all: {
    type: "boolean",
    default: false,
    help: "record all processes, until Ctrl-C is pressed",
  },
  html: {
    type: "string",
    value: "FILE",
    help: "write the report's page too",
  },
  open: {
    type: "boolean",
    default: false,
    help:
      "open the page in a browser; FILE defaults to report.html in DIRECTORY",
  },
} as const satisfies Options;

const HELP = `
Usage: jitdump record [OPTIONS] -- COMMAND…
       jitdump record [OPTIONS] --pid PID
       jitdump record [OPTIONS] --all

Records a command with all programs that it starts, a running process with all its
threads, or all processes, and then prints the report. Does not run perf.
Samples CPU cycles, or CPU time (cpu-clock) if the machine does not count cycles.

${optionsHelp(OPTIONS)}

Forwards signals to the command, and exits with its status. The directory contains all
that report needs, including the dumps. For the command, JITDUMPDIR is a directory in
it. An earlier recording is moved to DIRECTORY/old, but only if this one succeeds.

Requires --allow-ffi=<path of libc>, --allow-run=<COMMAND>, --allow-read and
--allow-write=<DIRECTORY>; --v8 requires --allow-env, and --open --allow-run=xdg-open.
In Deno, only --allow-all can read /proc; --pid, --all and the names of the kernel's
functions require it.
`;

/** perf's default (6.1 to 7.2). */
const FREQUENCY = 4000;

const STACK_SIZE = 8192;

/** Name of the page in the recording's directory. */
const PAGE = "report.html";

export const record: Command = {
  summary: "record a program, and report",
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const options = parseOptions(args);
    const library = openLibc((message) => new Error(message));
    try {
      const status = await recordInto(options, library.symbols);
      const page = pageOf(options);
      await reportRecording(options.directory, page);
      if (options.isOpened && page !== undefined) await showPage(page);
      if (status !== 0) {
        console.error(
          `jitdump record: the command exited with status ${status}`,
        );
      }
      return status;
    } finally {
      library.close();
    }
  },
};

/** Returns the path of the page; undefined if none is requested. */
function pageOf({ directory, html, isOpened }: RecordOptions) {
  return html ?? (isOpened ? `${directory}/${PAGE}` : undefined);
}

/** Opens the page. A missing browser is not an error. */
async function showPage(page: string): Promise<void> {
  try {
    await openPage(page);
  } catch (error) {
    console.error(`jitdump record: ${(error as Error).message}`);
  }
}

/** Options of the command line. */
interface RecordOptions {
  readonly directory: string;
  readonly callGraph: CallGraph;
  readonly stackSize: number;
  readonly frequency: number;
  /** Events to record; undefined for the default. */
  readonly events?: readonly RecordedEvent[];
  /** Duration in seconds. */
  readonly duration?: number;
  readonly isV8: boolean;
  /** Path of the page, if one is requested. */
  readonly html?: string;
  readonly isOpened: boolean;
  readonly target: Recorded;
}

function parseOptions(args: string[]): RecordOptions {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  const command = end === -1 ? [] : args.slice(end + 1);
  const first = firstPositional(own, OPTIONS);
  if (first !== -1) {
    // The command's options are not those of record.
    const before = own.slice(0, first);
    const line = [...before, "--", ...own.slice(first), ...command];
    throw new UsageError(
      `the command must follow --: jitdump record ${line.join(" ")}`,
    );
  }
  const { values } = parse(own, OPTIONS);
  const callGraph = values["call-graph"] as CallGraph;
  if (!CALL_GRAPHS.includes(callGraph)) {
    throw new UsageError(
      `--call-graph must be one of ${
        CALL_GRAPHS.join(", ")
      }, got "${callGraph}"`,
    );
  }
  if (values.out === "") throw new UsageError("--out must not be empty");
  return {
    directory: values.out,
    callGraph,
    stackSize: toStackSize(values["stack-size"], callGraph),
    frequency: values.frequency === undefined
      ? Math.min(
        FREQUENCY,
        kernelSetting("perf_event_max_sample_rate") ?? Infinity,
      )
      : toPositive("--frequency", values.frequency),
    events: values.event === undefined ? undefined : toEvents(values.event),
    duration: values.duration === undefined
      ? undefined
      : toSeconds(values.duration),
    isV8: values.v8,
    html: values.html,
    isOpened: values.open,
    target: toTarget(command, values.pid, values.all),
  };
}

function toTarget(
  command: string[],
  pid: string | undefined,
  isAll: boolean,
): Recorded {
  const given = [
    ...(command.length > 0 ? ["COMMAND"] : []),
    ...(pid === undefined ? [] : ["--pid"]),
    ...(isAll ? ["--all"] : []),
  ];
  if (given.length === 0) throw new UsageError("COMMAND is missing");
  if (given.length > 1) {
    throw new UsageError(`${given.reverse().join(" and ")} exclude each other`);
  }
  if (isAll) return undefined;
  return pid === undefined ? command : toPositive("--pid", pid);
}

function toStackSize(value: string | undefined, callGraph: CallGraph): number {
  if (value === undefined) return STACK_SIZE;
  if (callGraph !== "dwarf") {
    throw new UsageError("--stack-size requires --call-graph dwarf");
  }
  const size = toPositive("--stack-size", value);
  if (size % 8 === 0 && size <= STACK_LIMIT) return size;
  throw new UsageError(
    `--stack-size must be a multiple of 8, and at most ${STACK_LIMIT}, got "${value}"`,
  );
}

function toSeconds(value: string): number {
  const seconds = Number(value);
  if (/^[\d.]+$/.test(value) && seconds > 0) return seconds;
  throw new UsageError(
    `--duration must be a number of seconds, got "${value}"`,
  );
}

function toEvents(value: string): RecordedEvent[] {
  return value.split(",").map((name) => {
    const event = parseEvent(name);
    if (event) return event;
    throw new UsageError(
      `--event must be one of ${EVENT_NAMES.join(", ")}, got "${name}"` +
        suggest(name, EVENT_NAMES),
    );
  });
}

/** Records, and returns the exit status. */
async function recordInto(options: RecordOptions, libc: Libc): Promise<number> {
  const target = findTarget(options.target);
  const started = new Date();
  const directory = new RecordingDirectory(libc, options.directory, started);
  let isKept = false;
  try {
    const environment = options.isV8 ? v8Environment(directory) : {};
    const session = new RecordingSession(libc, directory, {
      events: options.events ?? [defaultEvent(libc)],
      settings: options,
      target,
      started,
      command: Array.isArray(options.target) ? options.target : undefined,
      v8: options.isV8
        ? { emitCache: emitCache((name) => Deno.env.get(name)) }
        : undefined,
    });
    try {
      const status = await runSession(libc, session, options, {
        JITDUMPDIR: directory.dumps,
        ...environment,
      });
      if (session.totals.samples === 0) {
        throw new Error(whyEmpty(options.target, status));
      }
      session.keep(status);
      isKept = true;
      return status;
    } finally {
      session.close();
    }
  } finally {
    if (!isKept) directory.discard();
    directory.close();
  }
}

function whyEmpty(target: Recorded, status: number): string {
  if (status !== 0) {
    return `the command exited with status ${status} before the first sample: check that it runs, or raise --frequency`;
  }
  return Array.isArray(target)
    ? "the recording has no samples, because the command used too little CPU time: raise --frequency"
    : "the recording has no samples, because the process used too little CPU time: record it while it works, or raise --frequency";
}

/** Runs the recording until its end; returns the exit status. */
async function runSession(
  libc: Libc,
  session: RecordingSession,
  { target, duration, frequency, directory }: RecordOptions,
  env: Record<string, string>,
): Promise<number> {
  const command = Array.isArray(target) ? target : undefined;
  // Printed before the command prints anything.
  console.error(
    `jitdump record: ${session.events} at ${frequency} Hz into ${directory}`,
  );
  for (const note of session.notes) console.error(`jitdump record: ${note}`);
  const progress = new Progress();
  const stop = Promise.withResolvers<void>();
  const timer = duration === undefined
    ? undefined
    : setTimeout(stop.resolve, 1000 * duration);
  const child = command && startCommand(command, { env });
  const stopListening = onSignals((signal) => {
    if (child === undefined) stop.resolve();
    // A terminal sends SIGINT to the command too.
    else if (signal !== "SIGINT" || !isInForeground(libc)) kill(child, signal);
  });
  const stopWatching = typeof target === "number"
    ? onEnd(target, stop.resolve)
    : () => {};
  try {
    let isOver = false;
    const ended = child?.status.then(() => isOver = true);
    await session.run(
      ended ? Promise.race([ended, stop.promise]) : stop.promise,
      (totals) => progress.show(totals),
    );
    if (child === undefined) return 0;
    if (isOver) return (await child.status).code;
    kill(child, "SIGTERM");
    await child.status;
    return 0;
  } finally {
    progress.clear();
    clearTimeout(timer);
    stopWatching();
    stopListening();
  }
}

function v8Environment(directory: RecordingDirectory): Record<string, string> {
  // V8 (15) cannot share a dump, and its default name is that of the program's own dump.
  const path = `${directory.dumps}/v8`;
  Deno.mkdirSync(path, { recursive: true });
  if (path.includes(",")) {
    throw new UsageError(
      `--v8 cannot use "${path}", because commas separate V8's flags; choose another --out`,
    );
  }
  const flags = perfProfFlags(path).join();
  const others = Deno.env.get("DENO_V8_FLAGS");
  return { DENO_V8_FLAGS: others ? `${others},${flags}` : flags };
}
