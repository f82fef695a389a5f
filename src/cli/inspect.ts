/**
 * `jitdump inspect`.
 *
 * @module
 */

import { hex } from "../reader/hex.ts";
import {
  CodeLoad,
  CodeMove,
  DebugInfo,
  type DumpRecord,
  recordName,
  UnwindingInfo,
} from "../reader/dump_record.ts";
import { CodeTimeline, type Stay } from "../reader/code_timeline.ts";
import type { DumpedFunction } from "../reader/dumped_function.ts";
import { RecordJoin } from "../reader/record_join.ts";
import { CorruptRange, RecoveringReader } from "../reader/recovering_reader.ts";
import type { DumpHeader, Tail } from "../reader/record_scanner.ts";
import { type Options, optionsHelp } from "./options.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { disassemble } from "./disassemble.ts";
import {
  colored,
  fit,
  json,
  Output,
  printable,
  seconds,
  terminalWidth,
} from "./output.ts";

const OPTIONS = {
  functions: {
    type: "boolean",
    help:
      "print a line for each function: its address, size, start time and end time (empty: the end of the dump), the size of its unwind info, and its first source line. A function that moves has a line for each address.",
  },
  json: {
    type: "boolean",
    help:
      "print a JSON object on each line; timestamps, addresses and code indices are strings, because they can have 64 bits",
  },
  name: {
    type: "string",
    value: "REGEX",
    help: "select functions by name, with their lines and unwind info",
  },
  disassemble: {
    type: "string",
    value: "NAME",
    help:
      "print the instructions and source lines of every function with that name",
  },
} as const satisfies Options;

const HELP = `
Usage: jitdump inspect [OPTIONS] FILE…
       jitdump inspect --disassemble NAME FILE

Shows the header of a dump and a line for each record. Times are seconds since the
file's first record.

${optionsHelp(OPTIONS)}

Requires --allow-read. --disassemble also requires objdump (package binutils) with
--allow-run=objdump, and --allow-write for the temporary file that objdump reads.
`;

/** Widths of columns; the last column occupies the rest of the line. */
const OFFSET = 10;
const TIME = 14;
const SIZE = 8;
const ADDRESS = 18;

export const inspect: Command = {
  summary: "show the contents of a dump",
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    if (positionals.length === 0) throw new UsageError("FILE is missing");
    const { disassemble: name, ...others } = values;
    if (name !== undefined) {
      if (positionals.length > 1 || Object.keys(others).length > 0) {
        throw new UsageError(
          "--disassemble accepts one FILE and no other option",
        );
      }
      if (await disassemble(positionals[0], name) > 0) return 0;
      throw new Error(`${positionals[0]} has no function "${name}"`);
    }
    const pattern = values.name === undefined
      ? undefined
      : toRegExp(values.name);
    const output = new Output();
    for (const [i, path] of positionals.entries()) {
      if (positionals.length > 1 && !values.json) {
        output.line(`${i > 0 ? "\n" : ""}${path}:`);
      }
      const selection = values.functions
        ? new SelectedFunctions(
          values.json ? new JsonView(output) : new FunctionTable(output),
          pattern,
        )
        : new SelectedRecords(
          values.json ? new JsonView(output) : new RecordTable(output),
          pattern,
        );
      try {
        show(path, selection);
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) throw error;
        if (error instanceof Deno.errors.IsADirectory) {
          throw new Error(
            `${path} is a directory: pass a dump in it; jitdump check ${path} lists them`,
          );
        }
        // The message does not contain the file's path.
        throw new Error(`${path}: ${(error as Error).message}`);
      } finally {
        output.flush();
      }
    }
    return 0;
  },
};

/** Shows the selected parts of a file. */
function show(path: string, selection: Selection): void {
  using dump = RecoveringReader.open(path);
  const { view } = selection;
  view.header(dump.header);
  selection.start(dump.header);
  let isFirst = true;
  const corrupt: CorruptRange[] = [];
  for (const record of dump) {
    if (record instanceof CorruptRange) {
      corrupt.push(record);
      continue;
    }
    if (isFirst) view.start(record.timestamp);
    isFirst = false;
    selection.add(record);
  }
  selection.end();
  view.end(dump.tail);
  if (corrupt.length === 0) return;
  const others = corrupt.length - 1;
  const more = others > 0 ? `, and ${others} more corrupt ranges` : "";
  throw new Error(`${corrupt[0].problem}${more}`);
}

function toRegExp(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch (error) {
    throw new UsageError(`--name: ${(error as Error).message}`);
  }
}

/** An output format. */
interface View {
  header(header: DumpHeader): void;
  /** @param time The timestamp of the file's first record. */
  start(time: bigint): void;
  end(tail: Tail | undefined): void;
}

interface RecordView extends View {
  record(record: DumpRecord): void;
}

interface FunctionView extends View {
  /** @param until The time at which other code replaced it. */
  function(fn: DumpedFunction, until: bigint | undefined): void;
}

/** Selects records of a dump, and shows them. */
interface Selection {
  readonly view: View;
  start(header: DumpHeader): void;
  add(record: DumpRecord): void;
  end(): void;
}

/** Shows the records of all functions, or of those whose name matches. */
class SelectedRecords implements Selection {
  readonly view: RecordView;
  readonly #pattern: RegExp | undefined;
  readonly #join = new RecordJoin();
  readonly #indices = new Set<bigint>();

  constructor(view: RecordView, pattern: RegExp | undefined) {
    this.view = view;
    this.#pattern = pattern;
  }

  start(): void {}

  add(record: DumpRecord): void {
    if (!this.#pattern) return this.view.record(record);
    const joined = this.#join.add(record);
    if (joined && this.#pattern.test(joined.load.functionName)) {
      const { load, lines, unwinding } = joined;
      this.#indices.add(load.codeIndex);
      for (const own of [lines, unwinding, load]) {
        if (own) this.view.record(own);
      }
    } else if (
      record instanceof CodeMove && this.#indices.has(record.codeIndex)
    ) this.view.record(record);
  }

  end(): void {}
}

/** Shows all functions, or those whose name matches, at each of their addresses. */
class SelectedFunctions implements Selection {
  readonly view: FunctionView;
  readonly #pattern: RegExp | undefined;
  #timeline = new CodeTimeline();

  constructor(view: FunctionView, pattern: RegExp | undefined) {
    this.view = view;
    this.#pattern = pattern;
  }

  start(header: DumpHeader): void {
    this.#timeline = new CodeTimeline([], header);
  }

  add(record: DumpRecord): void {
    this.#timeline.add(record);
  }

  end(): void {
    for (const stay of this.#timeline.stays) {
      if (!(this.#pattern?.test(stay.fn.name) ?? true)) continue;
      const fn = functionAt(stay);
      const lines = this.#timeline.linesOf(stay.fn);
      this.view.function({ ...fn, lines }, stay.until);
    }
  }
}

/** Returns the fields of a function at one of its addresses. */
function functionAt({ fn, start, end, since, isMoved }: Stay): DumpedFunction {
  if (!isMoved) return fn;
  const codeSize = Number(end - start);
  const moved = { codeAddr: start, codeSize, timestamp: since };
  return { ...fn, ...moved, unwindingSize: 0 };
}

class JsonView implements RecordView, FunctionView {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  header(header: DumpHeader): void {
    this.#output.line(json({ ...header, record: "file header" }));
  }

  start(): void {}

  record(record: DumpRecord): void {
    this.#output.line(json(record));
  }

  function(fn: DumpedFunction, until: bigint | undefined): void {
    this.#output.line(json({ ...fn, until }));
  }

  end(tail: Tail | undefined): void {
    if (tail) this.#output.line(json({ record: "tail", ...tail }));
  }
}

/** The common part of the tables. */
abstract class Table {
  protected readonly output: Output;
  readonly #width = terminalWidth();
  #start = 0n;

  constructor(output: Output) {
    this.output = output;
  }

  header(header: DumpHeader): void {
    const { version, elfMach, pid, timestamp, flags, littleEndian } = header;
    this.row(
      `jitdump version ${version}, process ${pid}, ELF machine ${elfMach}, ${
        littleEndian ? "little" : "big"
      }-endian, flags ${hex(flags)}, timestamp ${timestamp}`,
    );
    this.output.line(colored(fit(this.heading(), this.#width), "bold"));
  }

  start(time: bigint): void {
    this.#start = time;
  }

  end(tail: Tail | undefined): void {
    if (!tail) return;
    const what = tail.kind === "cut"
      ? "the file ends within this record"
      : "only zeros follow";
    this.row(String(tail.offset).padStart(OFFSET), what);
  }

  protected abstract heading(): string;

  protected row(...cells: string[]): void {
    this.output.line(fit(cells.join("  "), this.#width));
  }

  protected time(timestamp: bigint): string {
    return seconds(timestamp - this.#start).padStart(TIME);
  }
}

class RecordTable extends Table implements RecordView {
  protected heading(): string {
    return [
      "byte".padStart(OFFSET),
      "time".padStart(TIME),
      "size".padStart(SIZE),
      "address".padStart(ADDRESS),
      "record",
    ].join("  ");
  }

  record(record: DumpRecord): void {
    const { offset, id, timestamp, totalSize } = record;
    const [address, details] = describe(record);
    this.row(
      String(offset).padStart(OFFSET),
      this.time(timestamp),
      String(totalSize).padStart(SIZE),
      (address === undefined ? "" : hex(address)).padStart(ADDRESS),
      `${recordName(id).replace("JIT_CODE_", "")} ${printable(details)}`
        .trimEnd(),
    );
  }
}

/** Returns a record's address, and a description of its other fields. */
function describe(record: DumpRecord): [bigint | undefined, string] {
  if (record instanceof CodeLoad) {
    const { codeAddr, codeSize, codeIndex, functionName } = record;
    return [
      codeAddr,
      `${functionName}, ${codeSize} bytes, code index ${codeIndex}${
        record.isComplete ? "" : ", incomplete"
      }`,
    ];
  }
  if (record instanceof CodeMove) {
    const { oldCodeAddr, newCodeAddr, codeSize, codeIndex } = record;
    return [
      newCodeAddr,
      `from ${hex(oldCodeAddr)}, ${codeSize} bytes, code index ${codeIndex}`,
    ];
  }
  if (record instanceof DebugInfo) {
    const { codeAddr, entries } = record;
    return [codeAddr, describeLines(entries)];
  }
  if (record instanceof UnwindingInfo) {
    const { unwindingSize, ehFrameHdrSize, mappedSize } = record;
    return [
      undefined,
      `.eh_frame ${
        unwindingSize - ehFrameHdrSize
      } bytes, .eh_frame_hdr ${ehFrameHdrSize}, mapped ${mappedSize}`,
    ];
  }
  return [undefined, ""];
}

function describeLines(lines: DumpedFunction["lines"]): string {
  if (lines.length === 0) return "no lines";
  const { file, line, discrim } = lines[0];
  return `${lines.length} line entries, ${file}:${line}${
    discrim ? `:${discrim}` : ""
  }`;
}

class FunctionTable extends Table implements FunctionView {
  protected heading(): string {
    return [
      "address".padStart(ADDRESS),
      "size".padStart(SIZE),
      "since".padStart(TIME),
      "until".padStart(TIME),
      "unwind".padStart(9),
      "function",
    ].join("  ");
  }

  function(fn: DumpedFunction, until: bigint | undefined): void {
    const { codeAddr, codeSize, timestamp, unwindingSize, lines } = fn;
    const name = fn.isComplete ? fn.name : `${fn.name}, incomplete`;
    this.row(
      hex(codeAddr).padStart(ADDRESS),
      String(codeSize).padStart(SIZE),
      this.time(timestamp),
      until === undefined ? " ".repeat(TIME) : this.time(until),
      (unwindingSize ? String(unwindingSize) : "").padStart(9),
      printable(lines.length ? `${name}, ${describeLines(lines)}` : name),
    );
  }
}
