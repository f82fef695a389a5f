/**
 * A profile for the Firefox Profiler, in its processed profile format.
 *
 * The format is that of src/types/profile.ts of github.com/firefox-devtools/profiler in
 * version 61, in which threads share their tables. The profiler converts earlier versions
 * than its own, and refuses later ones.
 *
 * @module
 */

import { NO_NODE } from "./call_tree.ts";
import { functionsOf } from "./function_table.ts";
import type { Category, FrameSymbol } from "./frame_symbol.ts";
import type { Profile } from "./profile.ts";
import { byThread, type Samples, type Thread } from "./sample_table.ts";
import { stacksOf } from "./stack_table.ts";
import { isTime } from "./unit.ts";

const PROCESSED_VERSION = 61;

/** The version of Firefox's own format, which applies only to profiles of Firefox. */
const GECKO_VERSION = 33;

/** The categories in their order, with their colors. The grey one is the default. */
const CATEGORIES: readonly [category: Category, name: string, color: string][] =
  [
    ["unknown", "Unknown", "grey"],
    ["jitted", "Jitted", "green"],
    ["javascript", "JavaScript", "yellow"],
    ["native", "Native", "blue"],
    ["kernel", "Kernel", "orange"],
  ];

/** Type of the markers of compiled functions. */
const LOAD = "FunctionLoad";

const LOAD_SCHEMA = {
  name: LOAD,
  tooltipLabel: "{marker.data.name}",
  tableLabel: "{marker.data.name}",
  chartLabel: "{marker.data.name}",
  display: ["marker-chart", "marker-table", "timeline-overview"],
  description: "A function was recorded in a dump.",
  fields: [
    { key: "name", label: "Function", format: "string" },
    { key: "codeIndex", label: "Code index", format: "string" },
    { key: "codeSize", label: "Size of its code", format: "bytes" },
  ],
};

/** Phase of a marker without a duration. */
const INSTANT = 0;

/** Type of a resource that is a library. */
const LIBRARY = 1;
const NO_RESOURCE = -1;

const categoryOf = (category: Category) =>
  CATEGORIES.findIndex(([own]) => own === category);

const orNull = (stack: number) => stack === NO_NODE ? null : stack;

const milliseconds = (nanoseconds: number) => nanoseconds / 1e6;

/** Returns the part of a path after the last slash. */
const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** Values with an index each, in the order of their first use. */
class Indices<T> {
  readonly values: T[] = [];
  readonly #indices = new Map<T, number>();

  of(value: T): number {
    let index = this.#indices.get(value);
    if (index === undefined) {
      index = this.values.push(value) - 1;
      this.#indices.set(value, index);
    }
    return index;
  }
}

/**
 * Returns a profile for the Firefox Profiler, as an object for `JSON.stringify()`. Times
 * are milliseconds since the recording's earliest record.
 */
export function toFirefox(profile: Profile): unknown {
  const { timeline, recording } = profile;
  const strings = new Indices<string>();
  const libraries = new Indices<string>();
  const tables = tablesOf(profile, strings, libraries);
  const threads = byThread(timeline).map((positions, i) =>
    threadOf(profile, timeline.threads[i], positions, tables.stackOf)
  );
  addLoads(profile, threads, strings);
  const { command = [], cpu, os, arch } = recording;
  return {
    meta: {
      version: GECKO_VERSION,
      preprocessedProfileVersion: PROCESSED_VERSION,
      interval: intervalOf(timeline),
      startTime: recording.startDate ?? 0,
      processType: 0,
      product: timeline.threads[0]?.processName ?? "",
      importedFrom: "jitdump",
      arguments: command.join(" "),
      stackwalk: 1,
      symbolicated: true,
      sourceCodeIsNotOnSearchfox: true,
      sampleUnits: { time: "ms", eventDelay: "ms", threadCPUDelta: "ns" },
      categories: CATEGORIES.map(([, name, color]) => ({
        ...{ name, color, subcategories: ["Other"] },
      })),
      markerSchema: [LOAD_SCHEMA],
      platform: "Linux",
      ...{ oscpu: [os, arch].filter(Boolean).join(" "), CPUName: cpu },
    },
    libs: libraries.values.map((path) => ({
      ...{ path, debugPath: path, arch: arch ?? "" },
      ...{ name: baseName(path), debugName: baseName(path) },
      ...{ breakpadId: "", codeId: null },
    })),
    shared: { ...tables.shared, stringArray: strings.values },
    threads,
  };
}

/** Returns the median time between consecutive samples of a thread. */
function intervalOf({ length, time, thread }: Samples): number {
  const last: number[] = [];
  const gaps: number[] = [];
  for (let i = 0; i < length; i++) {
    const before = last[thread[i]];
    if (before !== undefined) gaps.push(time[i] - before);
    last[thread[i]] = time[i];
  }
  gaps.sort((a, b) => a - b);
  return milliseconds(gaps[gaps.length >>> 1] ?? 1e6);
}

/** Returns the tables that all threads share. */
function tablesOf(
  profile: Profile,
  strings: Indices<string>,
  libraries: Indices<string>,
) {
  const { tree, symbols } = profile;
  const { functions, ofFrame } = functionsOf(profile);
  const files = new Indices<string>();
  const resourceOf = ({ dso }: FrameSymbol) =>
    dso === "" ? NO_RESOURCE : libraries.of(dso);
  const count = symbols.length;
  const frameTable = {
    length: count,
    address: new Array(count).fill(-1),
    inlineDepth: new Array(count).fill(0),
    category: symbols.map(({ category }) => categoryOf(category)),
    subcategory: new Array(count).fill(0),
    func: [...ofFrame],
    nativeSymbol: new Array(count).fill(null),
    innerWindowID: new Array(count).fill(null),
    // A function has one file. Lines of other files (of inlined functions) are omitted.
    line: symbols.map(({ source }, frame) =>
      source?.file === functions[ofFrame[frame]].source?.file
        ? source?.line ?? null
        : null
    ),
    column: new Array(count).fill(null),
  };
  const funcTable = {
    length: functions.length,
    name: functions.map(({ name }) => strings.of(name)),
    isJS: functions.map(({ category }) => category === "javascript"),
    relevantForJS: functions.map(() => false),
    resource: functions.map(resourceOf),
    source: functions.map(({ source }) =>
      source ? files.of(source.file) : null
    ),
    lineNumber: functions.map(() => null),
    columnNumber: functions.map(() => null),
  };
  const paths = libraries.values;
  const resourceTable = {
    length: paths.length,
    lib: paths.map((_, i) => i),
    name: paths.map((path) => strings.of(baseName(path))),
    host: paths.map(() => null),
    type: paths.map(() => LIBRARY),
  };
  const sources = {
    length: files.values.length,
    id: files.values.map(() => null),
    filename: files.values.map((file) => strings.of(file)),
    startLine: files.values.map(() => 1),
    startColumn: files.values.map(() => 1),
    sourceMapURL: files.values.map(() => null),
  };
  const { parent, frame, ofNode: stackOf } = stacksOf(tree);
  const prefix = parent.map(orNull);
  const stackTable = { length: frame.length, frame, prefix };
  const nativeSymbols = {
    ...{ length: 0, libIndex: [], address: [], name: [], functionSize: [] },
  };
  const shared = {
    ...{ stackTable, frameTable, funcTable, resourceTable, nativeSymbols },
    sources,
  };
  return { shared, stackOf };
}

/** Returns a thread with its samples, and without markers. */
function threadOf(
  { timeline, event }: Profile,
  { pid, tid, name, processName }: Thread,
  positions: readonly number[],
  stackOf: Int32Array,
) {
  const hasTime = isTime(event);
  const weights = positions.map((at) => timeline.weight[at]);
  return {
    processType: "default",
    processStartupTime: 0,
    processShutdownTime: null,
    registerTime: 0,
    unregisterTime: null,
    pausedRanges: [],
    showMarkersInTimeline: true,
    ...{ name, processName, tid, pid: String(pid), isMainThread: pid === tid },
    samples: {
      length: positions.length,
      stack: positions.map((at) => orNull(stackOf[timeline.node[at]])),
      time: positions.map((at) => milliseconds(timeline.time[at])),
      weight: hasTime ? weights.map(milliseconds) : weights,
      weightType: hasTime ? "tracing-ms" : "samples",
      // CPU time since the preceding sample: the period of a clock event.
      threadCPUDelta: hasTime ? weights : undefined,
    },
    markers: {
      length: 0,
      data: [] as unknown[],
      name: [] as number[],
      startTime: [] as number[],
      endTime: [] as null[],
      phase: [] as number[],
      category: [] as number[],
    },
  };
}

/** Adds markers of the functions that were compiled during the recording. */
function addLoads(
  { dumps, timeline }: Profile,
  threads: readonly ReturnType<typeof threadOf>[],
  strings: Indices<string>,
): void {
  const end = timeline.time[timeline.length - 1];
  const name = strings.of("Function load");
  const category = categoryOf("jitted");
  for (const { pid, loads } of dumps) {
    const own = threads.filter((thread) => thread.pid === String(pid));
    const main = own.find(({ isMainThread }) => isMainThread) ?? own[0];
    if (main === undefined) continue;
    for (const { name: fn, time, tid, codeIndex, codeSize } of loads) {
      if (time < 0 || time > end) continue;
      const { markers } = own.find((thread) => thread.tid === tid) ?? main;
      markers.length++;
      markers.name.push(name);
      markers.startTime.push(milliseconds(time));
      markers.endTime.push(null);
      markers.phase.push(INSTANT);
      markers.category.push(category);
      markers.data.push({
        ...{ type: LOAD, name: fn, codeIndex: String(codeIndex), codeSize },
      });
    }
  }
}
