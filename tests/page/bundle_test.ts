import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { makeBundle } from "../../page/make_bundle.ts";

const BUNDLE = new URL("../../src/profile/page_bundle.ts", import.meta.url);

describe("src/profile/page_bundle.ts", () => {
  it("is what `deno task page` generates when the sources have changed", async () => {
    const isCurrent = Deno.readTextFileSync(BUNDLE) === await makeBundle();
    assert(isCurrent, "run `deno task page`");
  });
});
