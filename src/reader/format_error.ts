/**
 * What malformed input becomes.
 *
 * @module
 */

/** Where in a dump something is wrong. */
export interface FormatFailure {
  /** The byte of the file at which the field starts. */
  readonly offset: number;
  /** The record it is in, such as `"JIT_CODE_LOAD"`, or `"file header"`. */
  readonly record: string;
  /** The field, as the specification calls it, such as `"code_size"`. */
  readonly field: string;
}

/**
 * A dump, or what should be one, cannot be read.
 *
 * An unfinished record at the end of a file is none of these: a process that dies
 * leaves one, and so does one that is writing.
 */
export class JitDumpFormatError extends Error implements FormatFailure {
  /** `"JitDumpFormatError"`. */
  override readonly name = "JitDumpFormatError";
  readonly offset: number;
  readonly record: string;
  readonly field: string;

  /**
   * Makes the error; the reader does so itself.
   *
   * @param problem What is wrong with the field.
   * @param failure Where.
   */
  constructor(problem: string, failure: FormatFailure) {
    const { offset, record, field } = failure;
    super(`${record} at byte ${offset}: ${field} ${problem}`);
    this.offset = offset;
    this.record = record;
    this.field = field;
  }
}
