/**
 * The tests' part of `@std/testing/bdd`, from Node's built-in.
 *
 * @module
 */

export {
  after as afterAll,
  before as beforeAll,
  describe,
  it,
} from "node:test";
