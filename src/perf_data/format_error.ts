/**
 * The error for malformed recordings.
 *
 * @module
 */

/** The place of a malformed field. */
export interface PerfDataFailure {
  /**
   * The byte of the file at which the field starts. In compressed data it is where the
   * compressed record starts.
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
 * A recording is malformed.
 *
 * A record that the end of the file cuts off is not an error: a perf that is killed
 * writes one.
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
   * @param problem The problem with the field.
   * @param failure The place of the field.
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
