/**
 * The error for malformed recordings.
 *
 * @module
 */

/** A malformed field of a recording. */
export interface PerfDataFailure {
  /**
   * Byte offset of the field in the file. In compressed data, that of the compressed record.
   */
  readonly offset: number;
  /** The record, such as `"PERF_RECORD_SAMPLE"`, or the part of the file's header. */
  readonly record: string;
  /** The specification's name of the field, such as `"nr"`. */
  readonly field: string;
  /** The file's name in a recording that is a directory. */
  readonly file?: string;
}

/**
 * Error for a malformed recording.
 *
 * A partial record at the end of the file is not an error: perf (6.1) leaves one if it is
 * killed.
 */
export class PerfDataFormatError extends Error implements PerfDataFailure {
  /** `"PerfDataFormatError"`. */
  override readonly name = "PerfDataFormatError";
  readonly offset: number;
  readonly record: string;
  readonly field: string;
  readonly file?: string;

  /**
   * Creates the error.
   *
   * @param problem A description of the field's fault.
   * @param failure The malformed field.
   */
  constructor(problem: string, failure: PerfDataFailure) {
    const { offset, record, field, file } = failure;
    const place = file === undefined ? "" : ` of ${file}`;
    super(`${record} at byte ${offset}${place}: ${field} ${problem}`);
    this.offset = offset;
    this.record = record;
    this.field = field;
    this.file = file;
  }
}
