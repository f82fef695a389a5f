/**
 * Operations that V8 may terminate.
 *
 * V8 can terminate a script at any point without running `finally`, as node:vm does after
 * a timeout. What the script has acquired outside JavaScript stays acquired: descriptors,
 * mappings, locks. So an operation registers how to release it, and the next operation of
 * the thread does that.
 *
 * @module
 */

/** The release steps of this thread's operation; undefined if there is none. */
let current: (() => void)[] | undefined;

/** Runs the steps of an operation that V8 has terminated, the last first. */
function abandonInterrupted(): void {
  for (let step; (step = current?.pop());) {
    try {
      step();
    } catch {
      // The script is gone, and so is the caller for whom this would be an error.
    }
  }
  current = undefined;
}

/**
 * Runs `action`, after releasing what a terminated operation has left. Operations are not
 * nested.
 */
export function runOperation<T>(action: () => T): T {
  abandonInterrupted();
  current = [];
  try {
    return action();
  } finally {
    current = undefined;
  }
}

/**
 * Registers a step of the running operation that releases what the operation acquires
 * next. It runs only if V8 terminates the operation, at whatever point, so it must check
 * what has been acquired.
 */
export function onTermination(step: () => void): void {
  current?.push(step);
}
