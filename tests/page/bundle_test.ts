import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makeBundle } from "../../page/make_bundle.ts";

const BUNDLE = new URL("../../src/profile/page_bundle.ts", import.meta.url);

describe("src/profile/page_bundle.ts", () => {
  it("equals the bundle of the page's sources when it is generated again", async () => {
    const isCurrent = Deno.readTextFileSync(BUNDLE) === await makeBundle();
    assert(isCurrent, "The bundle is outdated: run `deno task page`.");
  });
});
