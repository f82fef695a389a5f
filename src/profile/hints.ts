/**
 * Detection of faults in a profile.
 *
 * @module
 */

import { checkStart } from "../reader/check_dump.ts";
import type { SymbolNote } from "../symbols/note.ts";
import type { ChainEnd } from "../unwind/unwound_chain.ts";
import type { Dump, Dumps } from "./dumps.ts";
import type { EventProfile } from "./event_profiles.ts";
import type { Hint } from "./hint.ts";

/** Maximum number of hints. */
const MOST = 5;

/** Maximum number of bytes of a dump that are checked, because checking takes time. */
const CHECKED_SIZE = 8 * 1024 * 1024;

/** Minimum share of the weight for a hint. */
const LEAST_SHARE = 0.05;

/** The kernel's limit of chains: sysctl kernel.perf_event_max_stack (Linux 4.8 to 6.19). */
const MAX_STACK = 127;

/** The hints on unwound chains, by the end of the chain. */
const UNWOUND_ENDS: Partial<
  Record<ChainEnd, { text: string; remedy: string }>
> = {
  "truncated stack": {
    text: "end at the end of the copied stack",
    remedy:
      "record more of the stack: --stack-size 32768 (perf: --call-graph dwarf,32768)",
  },
  "no rules": {
    text: "end at code that has neither unwind info nor frame pointers",
    remedy: "let its compiler keep frame pointers or write unwind info",
  },
  "wrong rules": {
    text: "end at code whose unwind info does not fit the stack",
    remedy: "if a dump describes the code, run jitdump check",
  },
  "no registers": {
    text:
      "are missing, because the samples lack the registers of a 64-bit process",
    remedy: "record with --call-graph fp",
  },
};

/** Observations from reading a recording. */
export interface Observations {
  /** The time of the last sample, even if it is not selected. */
  lastTime: number;
  /** Number of samples whose function was recorded later. */
  early: number;
  /** Number of records that perf lost. */
  lost: number;
  /** Number of frames of the longest chains, and the number of such chains. */
  longest: number;
  atLongest: number;
  /** Number of chains unwound from copies of the stack, by their end. */
  readonly chainEnds: Map<ChainEnd, number>;
  /** Number of samples with a chain and no copy of the stack. */
  withChains: number;
  /** The time at which a dump was first mapped; −Infinity if before the recording. */
  readonly mappedAt: Map<Dump, number>;
  /** Weight of unknown code after the last function of the dumps, by process. */
  readonly unknownLater: Map<number, number>;
  /** The error that prevents reading the rest of the recording. */
  readError: string | undefined;
}

/** The data from which hints are derived. */
export interface HintSources {
  readonly profile: EventProfile;
  readonly seen: Observations;
  readonly dumps: Dumps;
  readonly symbolNotes: readonly SymbolNote[];
  readonly commandOf: (pid: number) => string;
}

/** Returns the most important hints, in order of importance. */
export async function findHints(sources: HintSources): Promise<Hint[]> {
  const { dumps, symbolNotes } = sources;
  const hints = [
    ...onRecording(sources),
    ...dumps.hints,
    ...onDumps(sources),
    ...onUnknown(sources),
    ...onChains(sources),
  ];
  if (hints.length < MOST) hints.push(...await onFindings(dumps.all));
  hints.push(...onEarly(sources));
  hints.push(...symbolNotes);
  return hints.slice(0, MOST);
}

function percent(part: number, { weight }: EventProfile): string {
  return `${(100 * part / (weight || 1)).toFixed(0)} %`;
}

function* onRecording({ seen, profile }: HintSources): Generator<Hint> {
  if (seen.readError !== undefined) {
    yield {
      text:
        `the recording is corrupt (${seen.readError}), and the records after that are missing`,
      remedy: "record again",
    };
  }
  if (seen.lost > profile.samples / 100) {
    yield {
      text:
        `${seen.lost} records were lost, because the buffers were not emptied in time`,
      remedy:
        "record with fewer samples (--frequency 999; perf: -F 999), or with a larger buffer (perf: -m 16M)",
    };
  }
}

/** Yields hints on dumps whose functions cannot be those of the samples. */
function* onDumps({ seen, dumps, profile }: HintSources): Generator<Hint> {
  for (const dump of dumps.all) {
    const { path, codes, clock } = dump;
    const timed = [...codes.values()].filter(({ isEmpty }) => !isEmpty);
    const first = Math.min(...timed.map(({ first }) => first));
    const last = Math.max(...timed.map(({ last }) => last));
    const mappedAt = seen.mappedAt.get(dump) ?? -Infinity;
    if (timed.length === 0) {
      yield {
        text: `the dump ${path} has no functions`,
        remedy: "let the program record its functions before it runs them",
      };
    } else if (clock === "unknown") continue;
    else if (first > seen.lastTime) {
      yield {
        text: `all functions of the dump ${path} are later than all samples`,
        remedy:
          "the dump's clock is not the recording's: let the writer use CLOCK_MONOTONIC, and record a process in a time namespace from within that namespace",
      };
    } else if (last < mappedAt - 1e9) {
      yield {
        text:
          `all functions of the dump ${path} are earlier than the dump itself`,
        remedy:
          "the dump's clock is not the recording's: let the writer use CLOCK_MONOTONIC, and record a process in a time namespace from within that namespace",
      };
    } else if (
      !profile.dumps.has(dump) &&
      unknownOf(profile) > LEAST_SHARE * profile.weight
    ) {
      yield {
        text: `no function of the dump ${path} has a sample, and ${
          percent(unknownOf(profile), profile)
        } of the time is in unnamed code`,
        remedy:
          "if the writer is passed a copy of the code, also pass the address at which the code runs (address)",
      };
    }
  }
}

function unknownOf({ unknown }: EventProfile): number {
  return unknown.values().reduce((sum, weight) => sum + weight, 0);
}

/** Yields hints on anonymous memory with code that no dump describes. */
function* onUnknown(sources: HintSources): Generator<Hint> {
  const { profile, seen, dumps, commandOf } = sources;
  const later = seen.unknownLater.entries().toArray()
    .sort(([, a], [, b]) => b - a)[0];
  if (later && later[1] > LEAST_SHARE * profile.weight) {
    const [pid, weight] = later;
    yield {
      text: `the dumps of ${
        commandOf(pid)
      } ${pid} end long before the recording ends, and ${
        percent(weight, profile)
      } of the time is in unnamed code after that`,
      remedy: "let the program keep its dump open, and record all functions",
    };
    return;
  }
  const hottest = profile.unknown.entries().toArray()
    .sort(([, a], [, b]) => b - a)[0];
  const isMuch = hottest && hottest[1] > LEAST_SHARE * profile.weight;
  if (!isMuch && dumps.areNamed) return;
  if (!isMuch) {
    yield {
      text: "no recorded process had a dump",
      remedy:
        "if a program has a JIT compiler, let it write a dump (for Deno's own code: jitdump record --v8)",
    };
    return;
  }
  const [pid, weight] = hottest;
  const text = `${percent(weight, profile)} of the time is in code of ${
    commandOf(pid)
  } ${pid} that no dump describes`;
  if (seen.mappedAt.size > 0 && profile.dumps.size > 0) {
    yield { text, remedy: "record all functions, with the address of each" };
    return;
  }
  yield {
    text: dumps.areNamed ? text : `${text}, and the recording names no dump`,
    remedy:
      "let the program write a dump (for Deno's own code: jitdump record --v8), and keep it open until the recording has started",
  };
}

function* onChains({ seen, dumps, profile }: HintSources): Generator<Hint> {
  const isCut = seen.longest >= MAX_STACK &&
    seen.atLongest > 1 && seen.atLongest > profile.samples / 1000;
  if (isCut) {
    yield {
      text:
        `${seen.atLongest} call chains end after ${seen.longest} frames, the kernel's limit, so their outer callers are missing`,
      remedy:
        "run sysctl kernel.perf_event_max_stack=1023 as root, and record again",
    };
  }
  if (seen.chainEnds.size > 0) {
    yield* onUnwound(seen.chainEnds);
    return;
  }
  const sampled = dumps.all.filter((dump) => profile.dumps.has(dump));
  if (seen.withChains > 0 && sampled.some(({ hasUnwinding }) => hasUnwinding)) {
    yield {
      text:
        "functions have unwind info, but the recording has no copies of the stack, so callers are missing if the code keeps no frame pointers",
      remedy: "record with --call-graph dwarf",
    };
  }
}

/** Yields hints on unwound chains that do not reach the start of their thread. */
function* onUnwound(ends: ReadonlyMap<ChainEnd, number>): Generator<Hint> {
  const all = ends.values().reduce((sum, count) => sum + count, 0);
  for (const [end, { text, remedy }] of Object.entries(UNWOUND_ENDS)) {
    const count = ends.get(end as ChainEnd) ?? 0;
    if (count <= LEAST_SHARE * all) continue;
    yield { text: `${count} of ${all} call chains ${text}`, remedy };
  }
}

function* onEarly({ seen }: HintSources): Generator<Hint> {
  if (seen.early === 0) return;
  yield {
    text:
      `${seen.early} samples are earlier than the record of their function, and are attributed to the first function at their address`,
    remedy: "let the program record a function before it runs it",
  };
}

/** Returns hints on dumps in which `jitdump check` finds an error. */
async function onFindings(dumps: readonly Dump[]): Promise<Hint[]> {
  const hints: Hint[] = [];
  for (const { path, hints: own } of dumps) {
    if (own.length > 0) continue;
    try {
      for await (const finding of checkStart(path, CHECKED_SIZE)) {
        const { severity, message } = finding;
        if (severity !== "error") continue;
        hints.push({
          text: `the dump ${path} has a fault (${message})`,
          remedy: `run jitdump check ${path}`,
        });
        break;
      }
    } catch {
      // The file has been removed since it was read.
    }
  }
  return hints;
}
