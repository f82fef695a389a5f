/**
 * The npm packages of the tests. Their specifiers are complete: the import map has only std.
 *
 * @module
 */

export { default as axe } from "npm:axe-core@4.14.1";
export { Ajv } from "npm:ajv@8.17.1";
export { type Browser, chromium, type Page } from "npm:playwright-core@1.64.1";
export { Profile as PprofProfile } from "npm:pprof-format@2.3.2";
export {
  default as speedscopeSchema,
} from "npm:speedscope@1.25.0/dist/release/file-format-schema.json" with {
  type: "json",
};
