/**
 * Readers and writers of perf.data, the recordings of `perf record`.
 *
 * @module
 */

export * from "./attr.ts";
export { U64Array } from "./bytes.ts";
export * from "./constants.ts";
export { EventTable, PerfEvent } from "./events.ts";
export type * from "./features.ts";
export type { PerfDataHeader } from "./file_header.ts";
export * from "./format_error.ts";
export { PerfDataReader, type PerfDataTail } from "./perf_data_reader.ts";
export { PerfRecord } from "./record.ts";
export * from "./records.ts";
export * from "./sample.ts";
export * from "./structs.ts";
