/**
 * Source lines of a function.
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

/** The start of a source line's code, which extends to the next entry or to the end. */
export interface SourceLine {
  /** Offset of the line's first instruction from the start of the code, in bytes. */
  offset: number;
  /** Line, counted from 1. */
  line: number;
  /** Column, counted from 1; perf (6.1 to 7.2) does not show it. */
  column?: number;
  /**
   * Source file: an absolute path, a `file:` URL, or a path relative to
   * {@linkcode JitDumpOptions.sourceRoot}. Without such a root it stays relative, and perf
   * resolves it from its current directory. Other URLs are shown unchanged.
   */
  file: string;
}

/** A checked source line, with the path of its file. */
export interface CheckedLine {
  offset: number;
  line: number;
  column: number;
  path: string;
}

/** Returns whether a value is an unsigned integer of 32 bits. */
const isU32 = (value: unknown) =>
  typeof value === "number" && value >>> 0 === value;

/** Checks a line: 32 bits, and not 0. */
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

/** Checks the name of a source file: not empty, and without NUL. */
export function checkFileName(
  what: string,
  argument: string,
  value: unknown,
): string {
  const file = checkName(what, argument, value);
  if (file === "") throw new TypeError(`${what}: "${argument}" is empty`);
  return file;
}

/** Throws the error for an invalid line. */
function refuseLine(
  what: string,
  argument: string,
  { offset, line, column, file }: SourceLine,
  codeSize: number,
): void {
  checkUnsigned(what, `${argument}.offset`, 32, offset);
  if (offset >= codeSize) {
    throw new RangeError(
      `${what}: "${argument}.offset" must be less than the code's size of ${codeSize} bytes, got ${offset}`,
    );
  }
  checkLineNumber(what, `${argument}.line`, line);
  if (column !== undefined) {
    checkUnsigned(what, `${argument}.column`, 32, column);
  }
  checkFileName(what, `${argument}.file`, file);
}

/**
 * Checks the lines of a function, and sorts them by offset as perf (6.1 to 7.2) requires.
 */
export function checkSourceLines(
  what: string,
  lines: readonly SourceLine[],
  codeSize: number,
  sourceRoot: string | undefined,
): CheckedLine[] {
  checkArray(what, "lines", lines);
  const checked: CheckedLine[] = [];
  let isSorted = true;
  // Most lines have the file of the line before.
  let lastFile = "";
  let path = "";
  for (let i = 0; i < lines.length; i++) {
    const given = lines[i];
    if (typeof given !== "object" || given === null) {
      checkObject(what, `lines[${i}]`, given);
    }
    const { offset, line, column, file } = given;
    // The same checks as in refuseLine(), which builds messages.
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
    isSorted &&= i === 0 || checked[i - 1].offset <= offset;
    checked.push({ offset, line, column: column ?? 0, path });
  }
  return isSorted ? checked : checked.sort((a, b) => a.offset - b.offset);
}

/** Returns the path of a source file; see {@linkcode SourceLine.file}. */
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
