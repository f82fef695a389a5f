/**
 * Recordings of one program by two recorders in turn.
 *
 * @module
 */

import { type CommandLine, runOrThrow } from "../../support/perf.ts";
import { median } from "../report.ts";
import { type Costs, type Program, scaleFor } from "./programs.ts";
import {
  OURS,
  PERF,
  readRecording,
  type RecorderUnderTest,
  type Recording,
} from "./recorders.ts";

/** Smallest share in percent that is compared. */
const LEAST_SHARE = 2;

/** Medians of the rounds of one recorder. */
interface Medians {
  readonly samples: number;
  /** The sum of all rounds. */
  readonly lost: number;
  /** Percent by which the program takes longer than alone. */
  readonly slowdown: number;
  readonly cpuSlowdown: number;
}

/** Difference of a function's shares in one round. */
interface Difference {
  readonly name: string;
  readonly difference: number;
  /** Four standard deviations of the difference of two binomial shares. */
  readonly noise: number;
}

/** The outcome of a comparison. */
export interface Comparison {
  readonly ours: Medians;
  readonly perf: Medians;
  /** Percent. */
  readonly sampleDifference: number;
  readonly largest: Difference;
}

interface Round extends Costs {
  readonly recording?: Recording;
}

/** Runs a program alone, with `jitdump record`, and with perf, in turn. */
export async function compare(
  program: Program,
  event: string,
  directory: string,
  seconds: number,
  rounds: number,
): Promise<Comparison> {
  const command = program.command(await scaleFor(program, seconds));
  const recorders: (RecorderUnderTest | undefined)[] = [undefined, OURS, PERF];
  const all = recorders.map((): Round[] => []);
  for (let round = 0; round < rounds; round++) {
    // Each is first in turn, in case the machine's speed drifts.
    for (let turn = 0; turn < recorders.length; turn++) {
      const index = (round + turn) % recorders.length;
      all[index].push(
        await runOnce(program, command, recorders[index], event, directory),
      );
    }
  }
  const [alone, ours, perf] = all;
  const [a, b] = [ours, perf].map((some) => mediansOf(some, alone));
  return {
    ours: a,
    perf: b,
    sampleDifference: 100 * Math.abs(a.samples - b.samples) / b.samples,
    largest: largestDifference(ours, perf),
  };
}

async function runOnce(
  program: Program,
  command: CommandLine,
  recorder: RecorderUnderTest | undefined,
  event: string,
  directory: string,
): Promise<Round> {
  if (recorder === undefined) {
    return program.costs((await runOrThrow(command)).stdout);
  }
  const into = `${directory}/recording`;
  Deno.mkdirSync(into);
  // `jitdump record` prints a report after the program's output.
  const log = `${directory}/log`;
  const logged: CommandLine = ["sh", "-c", 'exec "$@" >"$0"', log, ...command];
  await runOrThrow(recorder.record(into, event, logged));
  const recording = await readRecording(into);
  Deno.removeSync(into, { recursive: true });
  return { ...program.costs(Deno.readTextFileSync(log)), recording };
}

function mediansOf(rounds: readonly Round[], alone: readonly Round[]): Medians {
  const recordings = rounds.map(({ recording }) => recording!);
  const slowdown = (field: "wall" | "cpu") => {
    const of = (some: readonly Round[]) =>
      median(some.map((round) => round[field]));
    return 100 * (of(rounds) / of(alone) - 1);
  };
  return {
    samples: median(recordings.map(({ samples }) => samples)),
    lost: recordings.reduce((sum, { lost }) => sum + lost, 0),
    slowdown: slowdown("wall"),
    cpuSlowdown: slowdown("cpu"),
  };
}

function largestDifference(
  ours: readonly Round[],
  perf: readonly Round[],
): Difference {
  const differences = ours.flatMap(({ recording }, round) => {
    const [a, b] = [recording!, perf[round].recording!];
    return b.shares.entries().toArray()
      .filter(([, share]) => share >= LEAST_SHARE)
      .map(([name, share]): Difference => {
        const part = share / 100;
        const variance = part * (1 - part) * (1 / a.samples + 1 / b.samples);
        return {
          name,
          difference: Math.abs(share - (a.shares.get(name) ?? 0)),
          noise: 400 * Math.sqrt(variance),
        };
      });
  });
  return differences.toSorted((a, b) => b.difference - a.difference)[0];
}
