/**
 * The tests' part of `@std/path`, from npm, where it has no types.
 *
 * @module
 */

// @ts-types="./path.d.ts"
export * from "npm:deno-std@1.4.0/path/mod.js";
