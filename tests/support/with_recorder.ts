/**
 * Tests that need the kernel's permission to record.
 *
 * @module
 */

import { itRequiring } from "./it_unless.ts";
import { noRecorder } from "./may_record.ts";

/**
 * Registers a test that is ignored, or fails in a CI job, if recording is not allowed or
 * there is another reason.
 */
export const itWithRecorder = (
  name: string,
  fn: () => Promise<void>,
  otherReason?: string,
): void => itRequiring(noRecorder ?? otherReason, name, fn);
