/**
 * What the tests use from npm. It is named here in full, so that it does not depend on
 * the import map that says where std comes from.
 *
 * @module
 */

export { Ajv } from "npm:ajv@8.17.1";
export { chromium, type Page } from "npm:playwright-core@1.64.1";
export {
  default as speedscopeSchema,
} from "npm:speedscope@1.25.0/dist/release/file-format-schema.json" with {
  type: "json",
};
