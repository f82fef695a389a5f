/**
 * The error for malformed dumps.
 *
 * @module
 */

/** The place of an error in a dump. */
export interface FormatFailure {
  /** The position of the field in the file. */
  readonly offset: number;
  /** The record, such as `"JIT_CODE_LOAD"`, or `"file header"`. */
  readonly record: string;
  /** The specification's name of the field, such as `"code_size"`. */
  readonly field: string;
}

/**
 * Error that is thrown if a dump is malformed.
 *
 * A partial record at the end of a file is not an error: a process that was killed writes one,
 * and so does one that is writing.
 */
export class JitDumpFormatError extends Error implements FormatFailure {
  /** `"JitDumpFormatError"`. */
  override readonly name = "JitDumpFormatError";
  readonly offset: number;
  readonly record: string;
  readonly field: string;

  /**
   * Creates the error; the reader does so itself.
   *
   * @param problem A description of the field's fault.
   * @param failure The place of the field.
   */
  constructor(problem: string, failure: FormatFailure) {
    const { offset, record, field } = failure;
    super(`${record} at byte ${offset}: ${field} ${problem}`);
    this.offset = offset;
    this.record = record;
    this.field = field;
  }
}
