/**
 * Checks of unwind info.
 *
 * @module
 */

import { UnwindingInfoRecord } from "../format/record.ts";
import type { UnwindingInfo } from "./dump_record.ts";
import { EVERY_PERF, type Findings, PERF_6, PERF_7 } from "./finding.ts";

/** The first byte of an `.eh_frame_hdr`: its version. */
const EH_FRAME_HDR_VERSION = 1;

/** Unit of the sizes that perf 6.1 to 7.2 maps, in bytes. */
const MAPPED_UNIT = 8n;

const AT = UnwindingInfoRecord.offsets;

/** Checks records of unwind info. */
export class UnwindChecks {
  readonly #findings: Findings;
  readonly #isFound: boolean;
  /** Unwind info since the last load. */
  #pending: UnwindingInfo | undefined;

  /**
   * @param isLost True if perf 7.2 finds no unwind info in the images of the dump, because
   * their path does not begin with `/tmp/jitted-`.
   */
  constructor(isLost: boolean, findings: Findings) {
    this.#isFound = !isLost;
    this.#findings = findings;
  }

  /** Checks a record. */
  check(info: UnwindingInfo): void {
    if (this.#pending) this.#reportUnclaimed(this.#pending);
    this.#pending = info;
    const { offset, ehFrame, ehFrameHdr, ehFrameHdrSize, unwindingSize } = info;
    if (unwindingSize === 0) return;
    const order = "Write .eh_frame first, .eh_frame_hdr after it.";
    const data = UnwindingInfoRecord.size;
    const first = info.bytes[data];
    if (ehFrameHdrSize === 0) {
      this.#findings.error(
        "no .eh_frame_hdr",
        offset + AT.ehFrameHdrSize,
        EVERY_PERF,
        "the unwind info has no .eh_frame_hdr; perf applies it to the following functions too, and perf 6.1 and 6.12 find no callers",
        "Write an .eh_frame_hdr after .eh_frame.",
      );
      return;
    }
    // V8 (15) writes an empty .eh_frame for code that keeps frame pointers.
    if (ehFrame.length === 0) return;
    if (ehFrameHdr[0] !== EH_FRAME_HDR_VERSION) {
      const isSwapped = first === EH_FRAME_HDR_VERSION;
      this.#findings.error(
        isSwapped ? "order of unwind info" : ".eh_frame_hdr",
        offset + data + (isSwapped ? 0 : ehFrame.length),
        isSwapped ? EVERY_PERF : PERF_7,
        isSwapped
          ? ".eh_frame_hdr precedes .eh_frame; perf, unlike the specification, expects .eh_frame first, and finds no callers"
          : `the version of .eh_frame_hdr is ${
            ehFrameHdr[0]
          } instead of ${EH_FRAME_HDR_VERSION}; perf finds no callers`,
        isSwapped ? order : `${order} Check their sizes.`,
      );
    }
    this.#checkMapped(info);
    if (!this.#isFound) {
      this.#findings.warning(
        "unwind info outside /tmp",
        offset,
        PERF_7,
        "the dump is not directly in /tmp; perf 7.2 shows no frames of its functions under --call-graph dwarf",
        "Write the dump directly into /tmp, or use frame pointers and --call-graph fp.",
      );
    }
  }

  /** Notes that the unwind info belongs to a load. */
  load(): void {
    this.#pending = undefined;
  }

  /** Checks that the last unwind info belongs to a load. */
  checkEnd(): void {
    if (this.#pending) this.#reportUnclaimed(this.#pending);
  }

  #checkMapped({ offset, mappedSize, unwindingSize }: UnwindingInfo): void {
    const units = (mappedSize + MAPPED_UNIT - 1n) / MAPPED_UNIT;
    if (units * MAPPED_UNIT >= BigInt(unwindingSize)) return;
    this.#findings.error(
      "mapped size",
      offset + AT.mappedSize,
      PERF_6,
      `perf maps ${mappedSize} of the ${unwindingSize} bytes of unwind info, and finds no callers`,
      "Write the size of the unwind info as mapped_size, and leave that much space after the code.",
    );
  }

  #reportUnclaimed({ offset }: UnwindingInfo): void {
    this.#findings.error(
      "unwind info without function",
      offset,
      EVERY_PERF,
      "no function follows the unwind info; perf drops it",
      "Write the unwind info of each function directly before its JIT_CODE_LOAD.",
    );
  }
}
