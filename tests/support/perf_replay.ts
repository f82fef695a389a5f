/**
 * A recording of perf into which many dumps are injected.
 *
 * @module
 */

import { join } from "@std/path";
import {
  CodeLoad,
  JitDumpReader,
  UnwindingInfo,
} from "../../src/reader/mod.ts";
import { DumpBuilder } from "./build_dump.ts";
import { type CommandLine, type Outcome, run, runOrThrow } from "./perf.ts";
import { installedPerfs, oldestOf, type Perf } from "./perfs.ts";
import { MOD, scriptCommand } from "./script.ts";

const DEMO = new URL("../demo/", import.meta.url).href;

/** Distance between two pieces of code. */
const DISTANCE = 0x1000;

/**
 * Limit of CPU time in seconds, for dumps on which perf loops forever. On others it needs
 * less than a second, also on a busy machine.
 */
const CPU_LIMIT = 10;

/** Names of dumps that the program of {@linkcode PerfReplay.ofLoops} maps besides its own. */
export const otherNames = (pid: number) => [
  `jit-1-${pid}.dump`,
  "jit-99.dump",
  "profile.dump",
];

/** Returns a program that runs the same loop at three addresses, one after the other. */
const LOOPS = (directory: string) => `
  import { JitDumpFile } from "${MOD}";
  import { compile } from "${DEMO}compile.ts";
  import { makeExecutable } from "${DEMO}executable_memory.ts";
  const { code } = compile(
    "fn spin(n) { while n > 0 { n = n - 1; } return n; }",
    Deno.build.arch,
  );
  const all = new Uint8Array(3 * ${DISTANCE});
  for (let i = 0; i < 3; i++) all.set(code, i * ${DISTANCE});
  const memory = makeExecutable(all);
  const dump = JitDumpFile.forProcess("${directory}");
  const names = ${JSON.stringify(otherNames(NaN))};
  const others = names.map((name) =>
    new JitDumpFile("${directory}/" + name.replace("NaN", Deno.pid))
  );
  dump.dumpFunctions([0, 1, 2].map((i) => ({
    name: ["one", "two", "three"][i],
    code: memory.subarray(i * ${DISTANCE}, i * ${DISTANCE} + code.length),
  })));
  for (let i = 0; i < 3; i++) {
    new Deno.UnsafeFnPointer(
      Deno.UnsafePointer.of(memory.subarray(i * ${DISTANCE})),
      { parameters: ["i64"], result: "i64" },
    ).call(40_000_000n);
  }
  console.log(Deno.pid, String(dump.getTimeStamp()));
`;

/** Returns a program in which "main" calls a loop, both without frame pointers. */
const CHAIN = (directory: string) => `
  import { JitDumpFile } from "${MOD}";
  import { compile } from "${DEMO}compile.ts";
  import { makeExecutable } from "${DEMO}executable_memory.ts";
  const { code, functions } = compile(
    "fn spin(n) { while n > 0 { n = n - 1; } return n; }" +
      "fn main(n) { return spin(n) + 1; }",
    Deno.build.arch,
  );
  const memory = makeExecutable(code);
  const dump = JitDumpFile.forProcess("${directory}");
  dump.dumpFunctions(functions.map(({ name, start, end, unwinding }) => ({
    name,
    code: memory.subarray(start, end),
    unwinding,
  })));
  const { start } = functions.find(({ name }) => name === "main");
  new Deno.UnsafeFnPointer(
    Deno.UnsafePointer.of(memory.subarray(start)),
    { parameters: ["i64"], result: "i64" },
  ).call(60_000_000n);
  console.log(Deno.pid, String(dump.getTimeStamp()));
`;

/** A function that ran while perf recorded. */
export interface RecordedFunction {
  readonly name: string;
  readonly address: bigint;
  readonly code: Uint8Array;
  /** The data of its unwind info, and the size of its last part, `.eh_frame_hdr`. */
  readonly unwinding: Uint8Array;
  readonly hdrSize: number;
}

/** The outcome of injecting a dump. */
export interface Injection {
  /** Outcome of `perf inject`. */
  readonly outcome: Outcome;
  /** Number of samples by symbol. */
  readonly samples: ReadonlyMap<string, number>;
  /** Paths of the ELF files, by code index. */
  readonly images: ReadonlyMap<number, string>;
}

/** Returns a timestamp in the notation of perf. */
function seconds(nanoseconds: bigint): string {
  const digits = String(nanoseconds).padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** A recording of a process whose dump can be replaced. */
export class PerfReplay implements Disposable {
  /** Path of the dump. */
  readonly dump: string;
  readonly pid: number;
  /** A time before all samples. */
  readonly time: bigint;
  readonly functions: readonly RecordedFunction[];
  readonly #directory: string;
  readonly #dumpDirectory: string;
  /** A time after the functions' samples. */
  readonly #end: bigint;

  private constructor(
    directory: string,
    dumpDirectory: string,
    [pid, end]: string[],
  ) {
    this.#directory = directory;
    this.#dumpDirectory = dumpDirectory;
    this.pid = Number(pid);
    this.#end = BigInt(end);
    this.dump = join(dumpDirectory, `jit-${pid}.dump`);
    const records = [...new JitDumpReader(Deno.readFileSync(this.dump))];
    const loads = records.filter((record) => record instanceof CodeLoad);
    const unwinding = records.filter((record) =>
      record instanceof UnwindingInfo
    );
    this.time = loads[0].timestamp;
    this.functions = loads.map(({ functionName, codeAddr, code }, i) => ({
      name: functionName,
      address: codeAddr,
      code,
      unwinding: unwinding[i]?.bytes.slice(-unwinding[i].unwindingSize),
      hdrSize: unwinding[i]?.ehFrameHdrSize,
    }));
  }

  /** Records functions "one", "two" and "three", which run one after the other. */
  static ofLoops(): Promise<PerfReplay> {
    return PerfReplay.#record(LOOPS, undefined, "-F", "999");
  }

  /**
   * Records "spin", called by "main", with `--call-graph dwarf`.
   *
   * @param dumpDirectory Defaults to a directory of its own.
   */
  static ofChain(dumpDirectory?: string): Promise<PerfReplay> {
    const options = ["-F", "499", "--call-graph", "dwarf,4096"];
    return PerfReplay.#record(CHAIN, dumpDirectory, ...options);
  }

  static async #record(
    program: (directory: string) => string,
    dumpDirectory: string | undefined,
    ...options: string[]
  ): Promise<PerfReplay> {
    const directory = Deno.makeTempDirSync({ prefix: "jitdump-replay-" });
    const own = dumpDirectory ?? directory;
    const { program: perf } = oldestOf(await installedPerfs());
    const { stdout } = await runOrThrow([
      ...[perf, "record", "-k", "mono", "-e", "cpu-clock:u", ...options],
      ...[
        "-o",
        join(directory, "perf.data"),
        "--no-buildid-cache",
        "--no-bpf-event",
        "--",
      ],
      ...scriptCommand(directory, program(own), ["--allow-all"]),
    ] as unknown as CommandLine);
    return new PerfReplay(directory, own, stdout.split(" "));
  }

  /**
   * Injects a dump of these bytes.
   *
   * @param path Defaults to the process's own dump, which has no records otherwise.
   */
  async inject(
    { program }: Perf,
    bytes: Uint8Array,
    path = this.dump,
  ): Promise<Injection> {
    for (const image of this.#images().values()) Deno.removeSync(image);
    const empty = new DumpBuilder(true, { pid: this.pid }).bytes;
    for (const name of otherNames(this.pid)) {
      Deno.writeFileSync(join(this.#directory, name), empty);
    }
    Deno.writeFileSync(this.dump, empty);
    Deno.writeFileSync(path, bytes);
    const outcome = await run([
      ...["sh", "-c", `ulimit -t ${CPU_LIMIT}; exec "$@"`, "sh", program],
      ...["--buildid-dir", join(this.#directory, "buildids")],
      ...["inject", "--jit", "-f"],
      ...["-i", join(this.#directory, "perf.data"), "-o", this.#injected],
    ] as unknown as CommandLine);
    const samples = new Map<string, number>();
    if (outcome.success) {
      for (const [symbol] of await this.chains({ program, version: "" })) {
        samples.set(symbol, (samples.get(symbol) ?? 0) + 1);
      }
    }
    return { outcome, samples, images: this.#images() };
  }

  /** Returns the symbols of each sample of the last injection, the innermost first. */
  async chains(perf: Perf): Promise<string[][]> {
    const text = (await this.#script(perf, "ip,sym")).trim();
    // Without chains there is no empty line between samples.
    const samples = text.split(text.includes("\n\n") ? /\n\n+/ : "\n");
    return samples.map((sample) =>
      sample.split("\n").map((line) => line.trim().replace(/^\S+ ?/, ""))
    );
  }

  /** Returns the source lines of the samples of a symbol, such as "a.c:2". */
  async sourceLines(perf: Perf, symbol: string): Promise<Set<string>> {
    const lines = (await this.#script(perf, "ip,sym,srcline")).split("\n");
    const found = new Set<string>();
    for (const [i, line] of lines.entries()) {
      if (line.trim().endsWith(` ${symbol}`)) found.add(lines[i + 1].trim());
    }
    return found;
  }

  get #injected(): string {
    return join(this.#directory, "perf.jit.data");
  }

  async #script({ program }: Perf, fields: string): Promise<string> {
    const { stdout } = await runOrThrow(
      [
        ...[program, "script", "-f", "-i", this.#injected, "-F", fields],
        // For other samples perf would load the symbols of Deno.
        ...["--time", `${seconds(this.time)},${seconds(this.#end)}`],
      ] as unknown as CommandLine,
    );
    return stdout;
  }

  #images(): Map<number, string> {
    const images = new Map<number, string>();
    for (const { name } of Deno.readDirSync(this.#dumpDirectory)) {
      const [, pid, index] = name.match(/^jitted-(\d+)-(\d+)\.so$/) ?? [];
      if (Number(pid) !== this.pid) continue;
      images.set(Number(index), join(this.#dumpDirectory, name));
    }
    return images;
  }

  [Symbol.dispose](): void {
    for (const image of this.#images().values()) Deno.removeSync(image);
    Deno.removeSync(this.dump);
    Deno.removeSync(this.#directory, { recursive: true });
  }
}
