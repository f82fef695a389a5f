/**
 * Which source line each instruction of a function comes from.
 *
 * @module
 */

import {
  checkArray,
  checkName,
  checkObject,
  checkPath,
  checkUnsigned,
} from "../arguments.ts";

/** Where the code of a source line starts; it goes on to the next entry's, or to the end. */
export interface SourceLine {
  /** The offset of its first instruction, in bytes from the start of the code. */
  offset: number;
  /** The line, counted from 1. */
  line: number;
  /** The column, counted from 1; perf does not show it. */
  column?: number;
  /**
   * The source file: an absolute path or a `file:` URL; or a path that is relative to
   * {@linkcode JitDumpOptions.sourceRoot}. Where there is no such root it stays
   * relative, and perf looks from the directory that it runs in. Other URLs are shown
   * as they are.
   */
  file: string;
}

/** A source line that has been checked: where it starts, and where perf finds it. */
export interface PlacedLine {
  offset: number;
  line: number;
  column: number;
  path: string;
}

/** Whether a value is an unsigned integer of 32 bits. */
const isU32 = (value: unknown) =>
  typeof value === "number" && value >>> 0 === value;

/** A line's number: 32 bits, and not 0. */
export function checkLineNumber(
  what: string,
  argument: string,
  value: unknown,
): number {
  const line = checkUnsigned(what, argument, 32, value);
  if (line === 0) {
    throw new RangeError(`${what}: "${argument}" must be 1 or above, got 0`);
  }
  return line;
}

/** A source file's name: any that is not empty and that C can hold. */
export function checkFileName(
  what: string,
  argument: string,
  value: unknown,
): string {
  const file = checkName(what, argument, value);
  if (file === "") throw new TypeError(`${what}: "${argument}" is empty`);
  return file;
}

/** Throws what is wrong with a line. */
function refuseLine(
  what: string,
  argument: string,
  { offset, line, column, file }: SourceLine,
  codeSize: number,
): void {
  checkUnsigned(what, `${argument}.offset`, 32, offset);
  if (offset >= codeSize) {
    throw new RangeError(
      `${what}: "${argument}.offset" must be inside the ${codeSize} bytes of code, got ${offset}`,
    );
  }
  checkLineNumber(what, `${argument}.line`, line);
  if (column !== undefined) {
    checkUnsigned(what, `${argument}.column`, 32, column);
  }
  checkFileName(what, `${argument}.file`, file);
}

/**
 * Checks the lines of a function, and gives them in the order of their
 * instructions, as perf needs them. Each field of a line is read once.
 */
export function placeSourceLines(
  what: string,
  lines: readonly SourceLine[],
  codeSize: number,
  sourceRoot: string | undefined,
): PlacedLine[] {
  checkArray(what, "lines", lines);
  const placed: PlacedLine[] = [];
  let isSorted = true;
  // Most lines are of the file that the line before is of.
  let lastFile = "";
  let path = "";
  for (let i = 0; i < lines.length; i++) {
    const given = lines[i];
    if (typeof given !== "object" || given === null) {
      checkObject(what, `lines[${i}]`, given);
    }
    const { offset, line, column, file } = given;
    // The checks of refuseLine(), which makes texts for each.
    if (
      !isU32(offset) || offset >= codeSize || !isU32(line) || line === 0 ||
      (column !== undefined && !isU32(column)) ||
      (file !== lastFile &&
        (typeof file !== "string" || file.includes("\0"))) ||
      file === ""
    ) {
      refuseLine(what, `lines[${i}]`, { offset, line, column, file }, codeSize);
    }
    if (file !== lastFile) {
      path = resolveSourceFile(what, `lines[${i}].file`, file, sourceRoot);
      lastFile = file;
    }
    isSorted &&= i === 0 || placed[i - 1].offset <= offset;
    placed.push({ offset, line, column: column ?? 0, path });
  }
  return isSorted ? placed : placed.sort((a, b) => a.offset - b.offset);
}

/** Where perf finds a source file; see {@linkcode SourceLine.file}. */
function resolveSourceFile(
  what: string,
  argument: string,
  file: string,
  sourceRoot: string | undefined,
): string {
  if (file.startsWith("/")) return file;
  if (/^[a-z][a-z0-9+.-]*:/i.test(file)) {
    const url = URL.parse(file);
    return url?.protocol === "file:" ? checkPath(what, argument, url) : file;
  }
  return sourceRoot === undefined ? file : `${sourceRoot}/${file}`;
}
