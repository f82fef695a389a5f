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
} from "./arguments.ts";

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
   * relative, and perf looks from the directory that it runs in.
   */
  file: string;
}

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

/** Throws what is wrong with a line, if anything is. */
function checkSourceLine(
  what: string,
  argument: string,
  line: SourceLine,
  codeSize: number,
): void {
  checkObject(what, argument, line);
  const offset = checkUnsigned(what, `${argument}.offset`, 32, line.offset);
  if (offset >= codeSize) {
    throw new RangeError(
      `${what}: "${argument}.offset" must be inside the ${codeSize} bytes of code, got ${offset}`,
    );
  }
  checkLineNumber(what, `${argument}.line`, line.line);
  if (line.column !== undefined) {
    checkUnsigned(what, `${argument}.column`, 32, line.column);
  }
  checkFileName(what, `${argument}.file`, line.file);
}

/**
 * Checks the lines of a function, and gives them in the order of their
 * instructions, as perf needs them.
 */
export function checkSourceLines(
  what: string,
  lines: readonly SourceLine[],
  codeSize: number,
): readonly SourceLine[] {
  checkArray(what, "lines", lines);
  let isSorted = true;
  for (let i = 0; i < lines.length; i++) {
    checkSourceLine(what, `lines[${i}]`, lines[i], codeSize);
    isSorted &&= i === 0 || lines[i - 1].offset <= lines[i].offset;
  }
  return isSorted ? lines : lines.toSorted((a, b) => a.offset - b.offset);
}

/** Where perf finds a source file; see {@linkcode SourceLine.file}. */
export function resolveSourceFile(
  what: string,
  file: string,
  sourceRoot: string | undefined,
): string {
  if (file.startsWith("/")) return file;
  if (file.startsWith("file:")) return checkPath(what, "file", new URL(file));
  return sourceRoot === undefined ? file : `${sourceRoot}/${file}`;
}
