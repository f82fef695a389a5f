/**
 * What perf calls the files of jitted code.
 *
 * @module
 */

/** A dump: its directory, and the process. */
export const DUMP = /^(.*\/|)jit-(\d+)\.dump$/s;

/**
 * The image that `perf inject` makes of a function, beside the dump: its directory, the
 * process, and the function's number.
 */
export const IMAGE = /^(.*\/|)jitted-(\d+)-(\d+)\.so$/s;
