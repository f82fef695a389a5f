/**
 * `jitdump top`.
 *
 * @module
 */

import { type Libc, openLibc } from "../../ffi/libc.ts";
import { foldUnnamed } from "../profile/folded_profile.ts";
import { readProfile } from "../profile/profiler.ts";
import { Recorder } from "../recorder/recorder.ts";
import { RecentRecords } from "../recorder/recent_records.ts";
import type { SampleSettings } from "../recorder/sample_settings.ts";
import { type Command, firstPositional, parse, UsageError } from "./command.ts";
import { type Options, optionsHelp } from "./options.ts";
import { Output } from "./output.ts";
import {
  findTarget,
  kill,
  onEnd,
  onSignals,
  startCommand,
  toPositive,
} from "./recorded_program.ts";
import { defaultEvent } from "./recording_session.ts";
import { showFunctions } from "./report_table.ts";
import { Screen } from "./screen.ts";

/** Maximum age of the samples in a table, in seconds. */
const SECONDS = 5;

/** Minimum milliseconds between two tables. */
const INTERVAL = 1000;

/** Number of lines above a table's functions. */
const HEAD = 5;

const SETTINGS: SampleSettings = {
  frequency: 1000,
  callGraph: "fp",
  stackSize: 0,
};

const OPTIONS = {
  pid: {
    type: "string",
    value: "PID",
    help: "record a running process with all its threads",
  },
} as const satisfies Options;

const HELP = `
Usage: jitdump top --pid PID
       jitdump top -- COMMAND…

Shows the hottest functions of the last ${SECONDS} seconds, once a second: of a running process,
or of a command with all programs that it starts. Reads dumps while programs write them.
q or Ctrl-C quits, and terminates the command. The command's output is discarded.

${optionsHelp(OPTIONS)}

Writes no recording; jitdump record does. For the command, JITDUMPDIR is a temporary
directory. Exits with the command's status if the command ends by itself.

Requires a terminal, and --allow-all: in Deno, nothing less can read /proc.
`;

export const top: Command = {
  summary: "show the hottest functions while a program runs",
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const target = parseTarget(args);
    if (!Deno.stdout.isTerminal()) {
      throw new Error(
        "standard output is not a terminal: use jitdump record, and jitdump report",
      );
    }
    const library = openLibc((message) => new Error(message));
    const directory = Deno.makeTempDirSync({ prefix: "jitdump-top-" });
    try {
      return await new Top(library.symbols, target, directory).run();
    } finally {
      Deno.removeSync(directory, { recursive: true });
      library.close();
    }
  },
};

function parseTarget(args: string[]): readonly string[] | number {
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  const command = end === -1 ? [] : args.slice(end + 1);
  const first = firstPositional(own, OPTIONS);
  if (first !== -1) {
    throw new UsageError(
      `the command must follow --: jitdump top -- ${
        [...own.slice(first), ...command].join(" ")
      }`,
    );
  }
  const { pid } = parse(own, OPTIONS).values;
  if (pid === undefined) {
    if (command.length > 0) return command;
    throw new UsageError("--pid or COMMAND is missing");
  }
  if (command.length === 0) return toPositive("--pid", pid);
  throw new UsageError("--pid and COMMAND exclude each other");
}

/** The display of a running program's hottest functions. */
class Top {
  readonly #libc: Libc;
  readonly #target: readonly string[] | number;
  readonly #directory: string;
  readonly #records = new RecentRecords(
    1000 * SECONDS,
    () => performance.now(),
  );
  readonly #stop = Promise.withResolvers<void>();
  /** True if the user has ended the display. */
  #isEnded = false;

  constructor(
    libc: Libc,
    target: readonly string[] | number,
    directory: string,
  ) {
    this.#libc = libc;
    this.#target = target;
    this.#directory = directory;
  }

  /** Shows tables until the program ends or the user quits; returns the exit status. */
  async run(): Promise<number> {
    const target = this.#target;
    const recorder = new Recorder(this.#libc, this.#records, {
      events: [defaultEvent(this.#libc)],
      settings: SETTINGS,
      target: findTarget(target),
      features: {
        arch: Deno.build.arch,
        commandLine: [
          ...["jitdump", "top"],
          ...typeof target === "number" ? ["--pid", `${target}`] : target,
        ],
      },
      onMapping: () => {},
      onExit: () => {},
    });
    let child: Deno.ChildProcess | undefined;
    const stopListening = onSignals(() => this.#end());
    try {
      if (typeof target !== "number") {
        child = startCommand(target, {
          env: { JITDUMPDIR: this.#directory },
          stdin: "null",
          stdout: "null",
          stderr: "null",
        });
      }
      await this.#show(recorder, child);
    } finally {
      recorder.close();
      if (child && this.#isEnded) kill(child, "SIGTERM");
      stopListening();
    }
    const status = await child?.status;
    return this.#isEnded || !status ? 0 : status.code;
  }

  async #show(
    recorder: Recorder,
    child: Deno.ChildProcess | undefined,
  ): Promise<void> {
    const target = this.#target;
    const stopWatching = typeof target === "number"
      ? onEnd(target, () => this.#stop.resolve())
      : () => {};
    using screen = new Screen((key) => {
      if (key === "q" || key === "Q" || key === "\x03") this.#end();
    });
    try {
      screen.show(["Waiting for samples (q quits)"]);
      child?.status.then(() => this.#stop.resolve());
      const running = recorder.run(this.#stop.promise, () => {});
      running.catch(() => {}).then(() => this.#stop.resolve());
      try {
        await this.#draw(screen);
      } finally {
        // The recorder must end before its events are closed.
        this.#stop.resolve();
        await running;
      }
    } finally {
      stopWatching();
    }
  }

  /** Draws tables until the program ends or the user quits. */
  async #draw(screen: Screen): Promise<void> {
    let isOver = false;
    const ended = this.#stop.promise.then(() => isOver = true);
    let pause = INTERVAL;
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, pause);
      await Promise.race([ended, promise]);
      clearTimeout(timer);
      if (isOver) return;
      const start = performance.now();
      await this.#drawOnce(screen);
      const took = performance.now() - start;
      // Reading takes no more than half of the time.
      pause = Math.max(INTERVAL - took, took);
    }
  }

  async #drawOnce(screen: Screen): Promise<void> {
    if (!this.#records.hasSamples) {
      screen.show([`No samples in the last ${SECONDS} s (q quits)`]);
      return;
    }
    const path = `${this.#directory}/perf.data`;
    const bytes = this.#records.snapshot();
    const profile = await readProfile(path, { bytes });
    const output = new Output();
    const title = `last ${SECONDS} s (q quits)`;
    const limit = Math.max(1, screen.height - HEAD);
    const rows = { limit, hidesRest: true };
    showFunctions(foldUnnamed(profile), title, rows, output);
    screen.show(output.take());
  }

  #end(): void {
    this.#isEnded = true;
    this.#stop.resolve();
  }
}
