/**
 * The tests' part of `@std/testing/bdd`, from Node's built-in.
 *
 * @module
 */

export { describe, it } from "node:test";
