/**
 * The error for malformed dumps.
 *
 * @module
 */

/** The field of a dump that is malformed. */
export interface FormatFailure {
  /** Byte offset of the field in the file. */
  readonly offset: number;
  /** The record, such as `"JIT_CODE_LOAD"`, or `"file header"`. */
  readonly record: string;
  /** The specification's name of the field, such as `"code_size"`. */
  readonly field: string;
}

/**
 * Error for a malformed dump.
 *
 * A partial record at the end of a file is not an error: a process leaves one if it is
 * killed, and a file may end in one while it is being written.
 */
export class JitDumpFormatError extends Error implements FormatFailure {
  /** `"JitDumpFormatError"`. */
  override readonly name = "JitDumpFormatError";
  readonly offset: number;
  readonly record: string;
  readonly field: string;

  /**
   * Creates the error, as the reader does.
   *
   * @param problem A description of the field's fault.
   * @param failure The malformed field.
   */
  constructor(problem: string, failure: FormatFailure) {
    const { offset, record, field } = failure;
    super(`${record} at byte ${offset}: ${field} ${problem}`);
    this.offset = offset;
    this.record = record;
    this.field = field;
  }
}
