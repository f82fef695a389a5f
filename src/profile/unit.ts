/**
 * The unit of weights.
 *
 * @module
 */

/** The unit of an event's weights. */
export type Unit = "nanoseconds" | "count";

/** perf's clocks: cpu-clock and task-clock, with modifiers. */
const CLOCK = /clock/;

/** Returns whether the weights of an event are times. */
export function isTime(event: string): boolean {
  return CLOCK.test(event);
}

/** Returns the unit of the weights of an event. */
export function unitOf(event: string): Unit {
  return isTime(event) ? "nanoseconds" : "count";
}
