/**
 * A writer under perf, compared by `jitdump check`, `jitdump report` and perf.
 *
 * @module
 */

import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { jitdumpCommand } from "../support/jitdump.ts";
import { namedCode, plainName } from "../../src/engines.ts";
import { FileHeader } from "../../src/format/file_header.ts";
import { Mmap, PerfDataReader } from "../../src/perf_data/mod.ts";
import { checkDump } from "../../src/reader/check_dump.ts";
import {
  type CommandLine,
  injectCommand,
  recordCommand,
  run,
  runOrThrow,
} from "../support/perf.ts";
import type { Perf } from "../support/perfs.ts";
import { install } from "./install.ts";
import type { Writer } from "./writers.ts";

const PROGRAMS = fileURLToPath(new URL("programs/", import.meta.url));

/** Matches a dump's name; JavaScriptCore adds a thread id. */
const DUMP = /^jit-(?:(\d+)-)?(\d+)\.dump$/;

/** Matches the path of perf's ELF file of a function, or of a perf map. */
const JITTED_DSO = /(?:^|\/)(?:jitted-\d+-\d+\.so|perf-\d+\.map)$/;

/** Matches the path of a program, or of JavaScriptCore's copy of it. */
const SOURCE = /(?:^|\/)(?:[Ww]ork\.\w+|source-\d+-\d+\.js)$/;

/** Minimum share of the hot functions, in percent of the jitted code's time. */
const HOT_AT_LEAST = 80;
/** Minimum share of the known lines, in percent of the jitted code's time. */
const LINES_AT_LEAST = 75;
/** Maximum difference of a line's share from the expected one, in percentage points. */
const LINES_WITHIN = 5;
/** Maximum difference of a share from perf's, in percentage points. */
const SHARES_WITHIN = 0.1;

/** The outcome of one comparison. */
export interface Verdict {
  readonly isRight: boolean;
  readonly text: string;
}

/** The results of a writer. */
export interface Outcome {
  readonly functions: number;
  readonly check: Verdict;
  readonly names: Verdict;
  readonly lines: Verdict;
  /** Verdicts on the shares of each perf, in the given order. */
  readonly shares: readonly Verdict[];
}

/** The fields of `jitdump report --json` that are used here. */
interface Report {
  readonly samples: number;
  readonly weight: number;
  readonly hints: readonly { readonly text: string }[];
  readonly functions: readonly {
    readonly name: string;
    readonly category: string;
    readonly self: number;
  }[];
  readonly lines: readonly {
    readonly file?: string;
    readonly line?: number;
    readonly function: string;
    readonly self: number;
  }[];
}

/**
 * Installs a writer, records it, and compares the findings, names, lines and shares.
 *
 * @throws {Unavailable} If it cannot be installed.
 */
export async function tryWriter(
  writer: Writer,
  perfs: readonly Perf[],
): Promise<Outcome> {
  const directory = await Deno.makeTempDir({
    dir: "/tmp",
    prefix: "jitdump-writers-",
  });
  const created: string[] = [directory];
  try {
    const data = await record(writer, directory);
    const { dumps, maps } = await filesOf(data);
    created.push(
      ...dumps.filter((dump) => !dump.startsWith(directory)),
      ...maps,
    );
    const check = await checkAll(dumps, writer.findings ?? []);
    const report = await readReport(data);
    const jitted = jittedWeights(report);
    const readable = await makeReadable(data, dumps);
    const shares: Verdict[] = [];
    for (const perf of perfs) {
      shares.push(await compare(perf, readable, report, jitted));
    }
    return {
      functions: jitted.size,
      check,
      names: checkNames(report, jitted, writer.hot),
      lines: checkLines(report, jitted, writer.lines),
      shares,
    };
  } finally {
    for (const path of created) {
      await Deno.remove(path, { recursive: true }).catch(() => {});
      if (DUMP.test(basename(path))) await removeImages(path);
    }
  }
}

async function record(writer: Writer, directory: string): Promise<string> {
  // Postgres runs as another user.
  await Deno.chmod(directory, 0o777);
  for await (const { name } of Deno.readDir(PROGRAMS)) {
    await Deno.copyFile(join(PROGRAMS, name), join(directory, name));
  }
  for (const [source, command] of writer.prepare ?? []) {
    const runner = await install(source);
    await runOrThrow(runner(directory, command), { cwd: directory });
  }
  const runner = await install(writer.source);
  const data = join(directory, "perf.data");
  await runOrThrow(
    recordCommand(data, runner(directory, writer.command), "-F", "4000"),
    {
      cwd: directory,
      env: {
        HOME: directory,
        JITDUMPDIR: directory,
        JSC_jitDumpDirectory: directory,
        JSC_sourceCodeDumpDirectory: directory,
        BUN_JSC_jitDumpDirectory: directory,
        ...writer.env,
      },
    },
  );
  return data;
}

/** Returns the dumps that a recording names, and the perf maps of its processes. */
async function filesOf(
  data: string,
): Promise<{ dumps: string[]; maps: string[] }> {
  const dumps = new Set<string>();
  const maps = new Set<string>();
  await using recording = await PerfDataReader.open(data);
  for await (const record of recording) {
    if (!(record instanceof Mmap)) continue;
    if (DUMP.test(basename(record.filename))) dumps.add(record.filename);
    maps.add(`/tmp/perf-${record.pid}.map`);
  }
  return { dumps: [...dumps], maps: [...maps] };
}

async function checkAll(
  dumps: readonly string[],
  expected: readonly string[],
): Promise<Verdict> {
  const counts = new Map<string, number>();
  for (const dump of dumps) {
    for await (const { rule } of checkDump(dump)) {
      counts.set(rule, (counts.get(rule) ?? 0) + 1);
    }
  }
  return {
    isRight: counts.keys().every((rule) => expected.includes(rule)),
    text: Array.from(
      counts,
      ([rule, count]) =>
        `${expected.includes(rule) ? "" : "FALSE? "}${rule}${
          count > 1 ? ` ×${count}` : ""
        }`,
    ).join(", ") || "nothing",
  };
}

async function readReport(data: string): Promise<Report> {
  const { stdout } = await runOrThrow(
    jitdumpCommand(["--allow-all"], "report", "--json", data),
  );
  return JSON.parse(stdout);
}

/** Returns the self weight of each jitted function by its name. */
function jittedWeights({ functions }: Report): Map<string, number> {
  const weights = new Map<string, number>();
  for (const { name, category, self } of functions) {
    if (category !== "jitted" && category !== "javascript") continue;
    if (self === 0) continue;
    weights.set(name, (weights.get(name) ?? 0) + self);
  }
  return weights;
}

const sum = (numbers: Iterable<number>) =>
  Iterator.from(numbers).reduce((whole, number) => whole + number, 0);

const percent = (part: number, whole: number) =>
  whole === 0 ? 0 : 100 * part / whole;

function checkNames(
  { functions, weight }: Report,
  jitted: ReadonlyMap<string, number>,
  hot: RegExp,
): Verdict {
  const whole = sum(jitted.values());
  const ofHot = sum(
    jitted.entries().filter(([name]) => hot.test(plainName(name)))
      .map(([, self]) => self),
  );
  const unknown = functions.filter(({ category }) => category === "unknown");
  const share = percent(ofHot, whole);
  const lost = percent(sum(unknown.map(({ self }) => self)), weight);
  return {
    isRight: share >= HOT_AT_LEAST && lost < 1,
    text: `${share.toFixed(1)} % hot, ${lost.toFixed(1)} % unknown`,
  };
}

function checkLines(
  { lines }: Report,
  jitted: ReadonlyMap<string, number>,
  expected: Writer["lines"],
): Verdict {
  if (!expected) return { isRight: true, text: "none written" };
  const weights = new Map(
    Object.keys(expected).flatMap((key) =>
      key.split(" ").map((line) => [Number(line), 0])
    ),
  );
  for (const { file, line, function: name, self } of lines) {
    if (line === undefined || !jitted.has(name)) continue;
    const known = weights.get(line);
    if (known === undefined || !SOURCE.test(file ?? "")) {
      continue;
    }
    weights.set(line, known + self);
  }
  const whole = sum(weights.values());
  const shares = Object.entries(expected).map(([key, share]) => {
    const found = sum(key.split(" ").map((line) => weights.get(Number(line))!));
    return { share, found: percent(found, whole) };
  });
  const covered = percent(whole, sum(jitted.values()));
  return {
    isRight: covered >= LINES_AT_LEAST &&
      shares.every(({ share, found }) =>
        Math.abs(share - found) <= LINES_WITHIN
      ),
    text: `${shares.map(({ found }) => found.toFixed(0)).join(":")} of ${
      covered.toFixed(0)
    } %`,
  };
}

/**
 * Removes faults that prevent perf from reading the dumps at all, and that `check` has
 * reported. Returns the path of a recording with the new names of the dumps.
 */
async function makeReadable(
  data: string,
  dumps: readonly string[],
): Promise<string> {
  const renamed: [string, string][] = [];
  for (const dump of dumps) {
    await clearFlags(dump);
    const [, tid, pid] = DUMP.exec(basename(dump))!;
    if (tid === undefined) continue;
    // The new name has the same length, so that it fits into the recording.
    const [from, to] = [basename(dump), `${tid}/jit-${pid}.dump`];
    await Deno.mkdir(join(dirname(dump), tid));
    await Deno.copyFile(dump, join(dirname(dump), to));
    renamed.push([from, to]);
  }
  if (renamed.length === 0) return data;
  let bytes = Deno.readFileSync(data);
  // In latin1, each byte is one character.
  let text = new TextDecoder("latin1").decode(bytes);
  bytes = bytes.slice();
  for (const [from, to] of renamed) {
    const added = new TextEncoder().encode(to);
    for (
      let at = text.indexOf(from);
      at >= 0;
      at = text.indexOf(from, at + 1)
    ) {
      bytes.set(added, at);
    }
  }
  text = "";
  const path = `${data}.renamed`;
  await Deno.writeFile(path, bytes);
  return path;
}

/** Clears the header's flags if perf refuses them: LLVM 21 leaves them uninitialized. */
async function clearFlags(dump: string): Promise<void> {
  const bytes = await Deno.readFile(dump);
  const view = new DataView(bytes.buffer);
  const { flags } = FileHeader.offsets;
  if (view.getBigUint64(flags, true) <= 1n) return;
  view.setBigUint64(flags, 0n, true);
  await Deno.writeFile(dump, bytes);
}

/** Compares the shares of jitted functions with perf's. */
async function compare(
  perf: Perf,
  data: string,
  report: Report,
  jitted: ReadonlyMap<string, number>,
): Promise<Verdict> {
  const injected = `${data}.${perf.version}`;
  const [, ...inject] = injectCommand(data, injected);
  // PostgreSQL's dumps belong to another user.
  const outcome = await run([perf.program, ...inject, "-f"]);
  if (!outcome.success) {
    return {
      isRight: false,
      text: `inject fails: ${outcome.stderr.trim().split("\n")[0]}`,
    };
  }
  const { stdout } = await runOrThrow([
    ...[perf.program, "script", "-f", "-i", injected],
    ...["--no-demangle", "-F", "period,ip,sym,dso"],
  ] as unknown as CommandLine);
  const weights = new Map<string, number>();
  const names = new Set(jitted.keys());
  let whole = 0;
  for (const line of stdout.split("\n")) {
    const match = /^\s*(\d+)\s+[0-9a-f]+ (.*) \((.*?)\)$/.exec(line);
    if (!match) continue;
    const weight = Number(match[1]);
    whole += weight;
    const { name } = namedCode(match[2]);
    weights.set(name, (weights.get(name) ?? 0) + weight);
    if (JITTED_DSO.test(match[3])) names.add(name);
  }
  let largest = { name: "", difference: 0 };
  for (const name of names) {
    const difference = Math.abs(
      percent(jitted.get(name) ?? 0, report.weight) -
        percent(weights.get(name) ?? 0, whole),
    );
    if (difference > largest.difference) largest = { name, difference };
  }
  const early = earlySamples(report);
  const isRight = jitted.size > 0 && whole > 0 &&
    largest.difference <= SHARES_WITHIN + percent(early, report.samples);
  return {
    isRight,
    text: largest.difference.toFixed(2) +
      (isRight ? "" : ` (${largest.name})`) +
      (early > 0 ? `, ${early} of ${report.samples} samples early` : ""),
  };
}

/** Removes perf's images of a dump's functions. */
async function removeImages(dump: string): Promise<void> {
  const pid = DUMP.exec(basename(dump))![2];
  try {
    for await (const { name } of Deno.readDir(dirname(dump))) {
      if (!name.startsWith(`jitted-${pid}-`)) continue;
      await Deno.remove(join(dirname(dump), name));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Returns the number of samples before the record of their function, which perf does not name
 * and the report does. perf's agent for Java writes functions that already run.
 */
function earlySamples({ hints }: Report): number {
  for (const { text } of hints) {
    const count = /^(\d+) samples are earlier than the record/.exec(text)?.[1];
    if (count !== undefined) return Number(count);
  }
  return 0;
}
