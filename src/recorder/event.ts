/**
 * The events that can be recorded.
 *
 * @module
 */

/** `PERF_TYPE_HARDWARE` and `PERF_TYPE_SOFTWARE`. */
const HARDWARE = 0;
const SOFTWARE = 1;

/** Type and config of each event, by perf's name. */
const EVENTS: Record<string, readonly [type: number, config: bigint]> = {
  "cycles": [HARDWARE, 0n],
  "instructions": [HARDWARE, 1n],
  "cache-misses": [HARDWARE, 3n],
  "cpu-clock": [SOFTWARE, 0n],
  "task-clock": [SOFTWARE, 1n],
  "page-faults": [SOFTWARE, 2n],
  "context-switches": [SOFTWARE, 3n],
};

/** The names of all events. */
export const EVENT_NAMES: readonly string[] = Object.keys(EVENTS);

/** An event to record. */
export interface RecordedEvent {
  /** perf's name, with the modifier. */
  readonly name: string;
  readonly type: number;
  readonly config: bigint;
  /** Limits the event to user code, or to the kernel. */
  readonly only?: "user" | "kernel";
  /** The CPUs that can count it. Defaults to all. */
  readonly cpus?: ReadonlySet<number>;
}

/** Returns the event with perf's name, such as `"cycles:u"`; undefined for other names. */
export function parseEvent(text: string): RecordedEvent | undefined {
  const [, name, modifier] = /^([a-z-]+)(?::([uk]))?$/.exec(text) ?? [];
  if (name === undefined || !Object.hasOwn(EVENTS, name)) return undefined;
  const [type, config] = EVENTS[name];
  const only = modifier === "u"
    ? "user"
    : modifier === "k"
    ? "kernel"
    : undefined;
  return { name: text, type, config, only };
}

/** Returns an event that is limited to user code. */
export function userOnly(event: RecordedEvent): RecordedEvent {
  const name = event.name.endsWith("/") ? `${event.name}u` : `${event.name}:u`;
  return { ...event, name, only: "user" };
}

/** A core PMU of a processor with several kinds of core. */
export interface CorePmu {
  /** Name, such as `"cpu_core"`. */
  readonly name: string;
  readonly type: number;
  readonly cpus: ReadonlySet<number>;
}

/**
 * Returns an event for each kind of core of the processor, because each PMU counts only on
 * its own CPUs. A software event counts on all CPUs.
 */
export function eventsOfPmus(
  event: RecordedEvent,
  pmus: readonly CorePmu[],
): RecordedEvent[] {
  if (event.type !== HARDWARE || pmus.length === 0) return [event];
  const [name, modifier = ""] = event.name.split(":");
  return pmus.map((pmu) => ({
    ...event,
    name: `${pmu.name}/${name}/${modifier}`,
    // The upper half of the config selects the PMU.
    config: BigInt(pmu.type) << 32n | event.config,
    cpus: pmu.cpus,
  }));
}
