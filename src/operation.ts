/**
 * Operations that V8 may terminate.
 *
 * V8 can terminate a script at any point without running `finally`, as node:vm does after
 * a timeout. Resources outside JavaScript are then not released: descriptors, mappings,
 * locks. An operation therefore registers steps that release them, and the next operation
 * of the thread runs these steps.
 *
 * @module
 */

/** The release steps of this thread's operation; undefined if there is none. */
let current: (() => void)[] | undefined;

/** Runs the steps of an operation that V8 has terminated, in reverse order. */
function abandonInterrupted(): void {
  for (let step; (step = current?.pop());) {
    try {
      step();
    } catch {
      // The caller of the terminated operation cannot receive the error.
    }
  }
  current = undefined;
}

/**
 * Runs `action`, after releasing the resources of a terminated operation. Operations are
 * not nested.
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
 * next. The step runs only if V8 terminates the operation, which can happen at any point,
 * so it must check what has been acquired.
 */
export function onTermination(step: () => void): void {
  current?.push(step);
}
