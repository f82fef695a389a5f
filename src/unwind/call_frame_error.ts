/**
 * The error for malformed call frame information.
 *
 * @module
 */

/** Error for call frame information that is malformed, or of an unknown kind. */
export class CallFrameError extends Error {
  override name = "CallFrameError";
  /** The problem. */
  readonly reason: string;
  /** Position of the problem in the section. */
  readonly at: number;

  constructor(reason: string, at: number) {
    super(`${reason} (at byte ${at})`);
    this.reason = reason;
    this.at = at;
  }
}
