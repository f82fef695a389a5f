/**
 * The tests' part of `@std/assert`, from npm, where it has no types.
 *
 * @module
 */

// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
