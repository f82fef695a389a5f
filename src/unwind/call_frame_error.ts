/**
 * The error of malformed call frame information.
 *
 * @module
 */

/** Call frame information that is malformed, or of a kind that is not known. */
export class CallFrameError extends Error {
  override name = "CallFrameError";
  /** The problem. */
  readonly reason: string;
  /** Position of it in the section. */
  readonly at: number;

  constructor(reason: string, at: number) {
    super(`${reason} (at byte ${at})`);
    this.reason = reason;
    this.at = at;
  }
}
