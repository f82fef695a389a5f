/**
 * A recording from its start to its files in a directory, for `record` and `doctor`.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };
import { monotonicTime } from "../../ffi/clock.ts";
import { CLOCK_MONOTONIC } from "../../ffi/constants.ts";
import type { Libc } from "../../ffi/libc.ts";
import {
  memorySize,
  onlineProcessorCount,
  processorCount,
} from "../../ffi/processors.ts";
import type { NewFeatures } from "../perf_data/new_features.ts";
import { keepEmittedCode } from "./emitted_code.ts";
import { MappedFiles } from "../recorder/build_ids.ts";
import { corePmus } from "../recorder/core_pmus.ts";
import { isCounted } from "../recorder/counting.ts";
import { DumpKeeper } from "../recorder/dump_keeper.ts";
import {
  eventsOfPmus,
  parseEvent,
  type RecordedEvent,
} from "../recorder/event.ts";
import type { Target } from "../recorder/event_set.ts";
import { processorName } from "../recorder/processor_name.ts";
import { Recorder, type Totals } from "../recorder/recorder.ts";
import type { RecordingDirectory } from "../recorder/recording_directory.ts";
import type {
  EmittedFile,
  RecordingStart,
} from "../recorder/recording_json.ts";
import type { SampleSettings } from "../recorder/sample_settings.ts";

/** Options of a recording. */
export interface SessionOptions {
  /** The events, such as {@linkcode defaultEvent}. */
  readonly events: readonly RecordedEvent[];
  readonly settings: SampleSettings;
  readonly target: Target;
  readonly started: Date;
  /** The command, for the description. */
  readonly command?: readonly string[];
  /** Options for JavaScript of Deno; undefined if it is not recorded. */
  readonly v8?: {
    /** Directory of the generated code, if it is known. */
    readonly emitCache: string | undefined;
  };
}

/** Returns CPU cycles if the processor counts them, else CPU time. */
export function defaultEvent(libc: Libc): RecordedEvent {
  const cycles = parseEvent("cycles")!;
  // Only the PMU of the kind of core that runs this thread counts.
  return eventsOfPmus(cycles, corePmus()).some((event) =>
      isCounted(libc, event)
    )
    ? cycles
    : parseEvent("cpu-clock")!;
}

/** A running recording. */
export class RecordingSession {
  readonly #libc: Libc;
  readonly #directory: RecordingDirectory;
  readonly #options: SessionOptions;
  readonly #file: Deno.FsFile;
  readonly #recorder: Recorder;
  readonly #dumps: DumpKeeper;
  readonly #files = new MappedFiles();
  /** Features that are known at the start. */
  readonly #ofStart: NewFeatures;

  /**
   * Starts to record.
   *
   * @throws {Refusal} If the kernel refuses.
   */
  constructor(
    libc: Libc,
    directory: RecordingDirectory,
    options: SessionOptions,
  ) {
    const { settings, target } = options;
    const pmus = corePmus();
    let isOpen = false;
    this.#libc = libc;
    this.#directory = directory;
    this.#options = options;
    this.#dumps = new DumpKeeper(directory.path, directory.dumps);
    this.#ofStart = { ...machineFeatures(libc), clockData: clockData(libc) };
    this.#file = Deno.openSync(directory.data, {
      write: true,
      createNew: true,
      mode: 0o600,
    });
    try {
      this.#recorder = new Recorder(libc, this.#file, {
        events: options.events.flatMap((event) => eventsOfPmus(event, pmus)),
        settings,
        target,
        features: this.#ofStart,
        onMapping: (record) => {
          this.#files.add(record);
          const isDump = this.#dumps.onMapping(record);
          if (isDump && isOpen) directory.describe(this.#start());
        },
        onExit: ({ pid, tid }) => {
          if (pid === tid) this.#dumps.onExit(pid);
        },
      });
      isOpen = true;
      directory.describe(this.#start());
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  /** Names of the recorded events. */
  get events(): string {
    return this.#recorder.events.join();
  }

  /** Notes on the differences from the requested recording. */
  get notes(): readonly string[] {
    return this.#recorder.notes;
  }

  /** Totals so far. */
  get totals(): Totals {
    return this.#recorder.totals;
  }

  /** Records until `end` is settled. */
  async run(
    end: Promise<unknown>,
    onRound: (totals: Totals) => void = () => {},
  ): Promise<void> {
    await this.#recorder.run(end, () => onRound(this.totals));
  }

  /** Completes the recording, which replaces the last one. */
  keep(status?: number): void {
    this.#recorder.finish(this.#features());
    this.#dumps.finish();
    this.#directory.keep({
      ...this.#start(),
      emitted: this.#options.v8 && this.#keepEmitted(),
      ended: new Date().toISOString(),
      ...this.totals,
      status,
    });
  }

  /** Closes events and files. */
  close(): void {
    this.#recorder.close();
    this.#file.close();
  }

  #features(): NewFeatures {
    const libc = this.#libc;
    return {
      buildIds: this.#files.buildIds(),
      ...this.#ofStart,
      version: `jitdump ${config.version}`,
      cpus: {
        online: onlineProcessorCount(libc),
        available: processorCount(libc),
      },
      commandLine: ["jitdump", "record", ...this.#subject()],
      clockResolution: 1n,
    };
  }

  /** Returns the arguments that name what is recorded. */
  #subject(): readonly string[] {
    const { target, command } = this.#options;
    if (target.kind === "all") return ["--all"];
    if (target.kind === "process") return ["--pid", `${target.pid}`];
    return command ?? [];
  }

  /** Returns the description of the recording so far. */
  #start(): RecordingStart {
    const { settings, target, command, started } = this.#options;
    return {
      command,
      pid: target.kind === "process" ? target.pid : undefined,
      directory: Deno.cwd(),
      started: started.toISOString(),
      versions: {
        jitdump: config.version,
        deno: Deno.version.deno,
        kernel: ifGranted("osRelease", Deno.osRelease),
      },
      events: this.#recorder.events,
      frequency: settings.frequency,
      callGraph: settings.callGraph,
      dumps: this.#dumps.kept,
      emitted: this.#options.v8 && [],
    };
  }

  /** Keeps the generated code of V8's dumps. */
  #keepEmitted(): EmittedFile[] {
    const { path, dumps } = this.#directory;
    const cache = this.#options.v8?.emitCache;
    if (cache === undefined) return [];
    const into = `${dumps}/emitted`;
    return keepEmittedCode(
      this.#dumps.kept.map(({ file }) => `${path}/${file}`),
      cache,
      into,
    ).map(({ specifier, file }) => ({
      specifier,
      file: `${into}/${file}`.slice(path.length + 1),
    }));
  }
}

/** Returns the current time by the recording's clock and by the wall clock. */
function clockData(libc: Libc): NewFeatures["clockData"] {
  return {
    clockid: CLOCK_MONOTONIC,
    wallClock: BigInt(Date.now()) * 1_000_000n,
    clock: monotonicTime(libc),
  };
}

function machineFeatures(libc: Libc): NewFeatures {
  return {
    hostname: ifGranted("hostname", Deno.hostname),
    osRelease: ifGranted("osRelease", Deno.osRelease),
    arch: Deno.build.arch,
    cpuDescription: processorName(),
    totalMemory: memorySize(libc),
  };
}

/** Calls a function if Deno has granted its permission; never prompts. */
function ifGranted(
  kind: "hostname" | "osRelease",
  read: () => string,
): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "sys", kind });
  return state === "granted" ? read() : undefined;
}
