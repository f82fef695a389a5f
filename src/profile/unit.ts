/**
 * The unit of weights.
 *
 * @module
 */

/** The unit of an event's weights. */
export type Unit = "nanoseconds" | "count";

/** perf's clocks: cpu-clock and task-clock, with modifiers. */
const CLOCK = /clock/;

/** Returns the unit of the weights of an event. */
export function unitOf(event: string): Unit {
  return CLOCK.test(event) ? "nanoseconds" : "count";
}
