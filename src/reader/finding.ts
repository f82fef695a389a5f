/**
 * A finding of `checkDump()`.
 *
 * @module
 */

/** A fault of a dump, and its effect on a consumer. */
export interface Finding {
  /** Byte offset in the file. */
  readonly offset: number;
  /**
   * `"error"`: a consumer drops or misreads something. `"warning"`: a consumer may do so,
   * depending on the use of the dump or on the writer's intent.
   */
  readonly severity: "error" | "warning";
  /** The kind of fault. Findings of one kind have the same rule. */
  readonly rule: string;
  /** A description of the fault and its effect. */
  readonly message: string;
  /** A remedy. */
  readonly remedy: string;
  /**
   * The consumers to which it applies, such as `"perf 6.1"`. The tests run perf 6.1, 6.12
   * and 7.2. `"other readers"` are readers that are not perf.
   */
  readonly holdsFor: readonly string[];
}

/** All tested versions of perf. */
export const EVERY_PERF = ["perf 6.1", "perf 6.12", "perf 7.2"] as const;

/** The tested versions of perf that unwind with libunwind. */
export const PERF_6 = ["perf 6.1", "perf 6.12"] as const;

/** The tested version of perf that unwinds with libdw only. */
export const PERF_7 = ["perf 7.2"] as const;

/** The oldest tested version of perf. */
export const PERF_6_1 = ["perf 6.1"] as const;

/** Readers other than perf. */
export const OTHER_READERS = ["other readers"] as const;

/** Collects findings. */
export class Findings {
  #list: Finding[] = [];

  /** Adds an error. */
  error(
    rule: string,
    offset: number,
    holdsFor: readonly string[],
    message: string,
    remedy: string,
  ): void {
    const severity = "error";
    this.#list.push({ offset, severity, rule, message, remedy, holdsFor });
  }

  /** Adds a warning. */
  warning(
    rule: string,
    offset: number,
    holdsFor: readonly string[],
    message: string,
    remedy: string,
  ): void {
    const severity = "warning";
    this.#list.push({ offset, severity, rule, message, remedy, holdsFor });
  }

  /** Returns the findings so far, and removes them. */
  take(): Finding[] {
    const list = this.#list;
    this.#list = [];
    return list;
  }
}
