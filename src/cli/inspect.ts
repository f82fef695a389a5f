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

const HELP = `
Usage: jitdump inspect [OPTIONS] FILE…
       jitdump inspect --disassemble NAME FILE

Shows what is in a dump: its header and a line for each record. Times are seconds
since the file's first record.

  --functions         a line for each function: from when, and until when, it was at
                      its address (no end: to the end of the dump), how many bytes of
                      unwinding tables it has, its first source line. A function that
                      moves has a line for each address.
  --json              a JSON object on each line; times, addresses and numbers of
                      functions are strings, as they may have 64 bits
  --name REGEX        only functions whose name matches, with their lines and tables
  --disassemble NAME  the code of every function of that name, with its source lines

Needs --allow-read. --disassemble needs objdump (package binutils) too, with
--allow-run=objdump, and --allow-write for the temporary file that objdump reads.
`;

/** Widths of columns; what comes last takes the rest of the line. */
const OFFSET = 10;
const TIME = 14;
const SIZE = 8;
const ADDRESS = 18;

export const inspect: Command = {
  summary: "show what is in a dump",
  help: HELP,
  async run(args) {
    const { values, positionals } = parse(args, {
      functions: { type: "boolean" },
      json: { type: "boolean" },
      name: { type: "string" },
      disassemble: { type: "string" },
    });
    if (positionals.length === 0) throw new UsageError("no FILE is given");
    const { disassemble: name, ...others } = values;
    if (name !== undefined) {
      if (positionals.length > 1 || Object.keys(others).length > 0) {
        throw new UsageError(
          "--disassemble takes one FILE and no other option",
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
        // Nothing else says of which file it is.
        throw new Error(`${path}: ${(error as Error).message}`);
      } finally {
        output.flush();
      }
    }
    return 0;
  },
};

/** Shows what is selected of a file. */
function show(path: string, selection: Selection): void {
  using dump = RecoveringReader.open(path);
  const { view } = selection;
  view.header(dump.header);
  selection.start(dump.header);
  let isFirst = true;
  const damages: CorruptRange[] = [];
  for (const record of dump) {
    if (record instanceof CorruptRange) {
      damages.push(record);
      continue;
    }
    if (isFirst) view.start(record.timestamp);
    isFirst = false;
    selection.add(record);
  }
  selection.end();
  view.end(dump.tail);
  if (damages.length === 0) return;
  const others = damages.length - 1;
  throw new Error(
    `${damages[0].problem}${others > 0 ? `, and ${others} more damages` : ""}`,
  );
}

function toRegExp(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch (error) {
    throw new UsageError(`--name: ${(error as Error).message}`);
  }
}

/** How what has been read is shown. */
interface View {
  header(header: DumpHeader): void;
  /** @param time When the file's first record happened. */
  start(time: bigint): void;
  end(tail: Tail | undefined): void;
}

interface RecordView extends View {
  record(record: DumpRecord): void;
}

interface FunctionView extends View {
  /** @param until Since when something else is at its place. */
  function(fn: DumpedFunction, until: bigint | undefined): void;
}

/** Takes the records of a dump, and shows what is asked for of them. */
interface Selection {
  readonly view: View;
  start(header: DumpHeader): void;
  add(record: DumpRecord): void;
  end(): void;
}

/** Records, of all functions or of those whose name matches. */
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

/** Functions, all or those whose name matches; one that moves has a line for each address. */
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

/** The function as it is at one of its addresses. */
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

/** What the tables have in common. */
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
      ? "the file ends within a record"
      : "zeros from here on";
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

/** A record's address, and the rest of what it says. */
function describe(record: DumpRecord): [bigint | undefined, string] {
  if (record instanceof CodeLoad) {
    const { codeAddr, codeSize, codeIndex, functionName } = record;
    return [
      codeAddr,
      `${functionName}, ${codeSize} bytes, number ${codeIndex}`,
    ];
  }
  if (record instanceof CodeMove) {
    const { oldCodeAddr, newCodeAddr, codeSize, codeIndex } = record;
    return [
      newCodeAddr,
      `from ${hex(oldCodeAddr)}, ${codeSize} bytes, number ${codeIndex}`,
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
      "unwinding".padStart(9),
      "function",
    ].join("  ");
  }

  function(fn: DumpedFunction, until: bigint | undefined): void {
    const { codeAddr, codeSize, timestamp, unwindingSize, name, lines } = fn;
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
